"""Duplicate ids and keys of a unit, counted by DuckDB, which spills to disk."""

from __future__ import annotations

import tempfile
from pathlib import Path

from m3it_builder.verify.findings import MAX_KEPT, Tally
from m3it_builder.verify.stored_row import first_line

_MEMORY_LIMIT = "1GB"


def check_duplicates(index: Path, where: str, tally: Tally) -> None:
    """Report every id and every key that occurs in more than one row of an index."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(
            ":memory:", config={"temp_directory": folder, "memory_limit": _MEMORY_LIMIT}
        )
        try:
            for column in ("id", "key"):
                for value, count in _duplicates(connection, index, column):
                    tally.add(f"duplicate_{column}", where, f"{value} in {count:,} rows")
        except duckdb.Error as error:
            tally.add("index_unreadable", where, first_line(error))
        finally:
            connection.close()


def _duplicates(connection: object, index: Path, column: str) -> list[tuple[str, int]]:
    rows = connection.read_parquet(str(index))  # type: ignore[attr-defined]
    counts = rows.aggregate(f"{column}, count(*) AS occurrences", column)
    duplicates: list[tuple[str, int]] = (
        counts.filter("occurrences > 1").order(column).limit(100 * MAX_KEPT).fetchall()
    )
    return duplicates
