"""Ids and keys that occur twice, counted by a database, which spills to disk for many."""

from __future__ import annotations

import tempfile
from pathlib import Path

from m3it_builder.verify.faults import SHOWN, Tally

_MEMORY = "1GB"


def check_repeated(index: Path, where: str, tally: Tally) -> None:
    """Note every id and every key that stands in more than one row of an index."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        base = duckdb.connect(
            ":memory:", config={"temp_directory": folder, "memory_limit": _MEMORY}
        )
        try:
            for column in ("id", "key"):
                for value, count in _repeated(base, index, column):
                    tally.add(f"repeated_{column}", where, f"{value} in {count:,} rows")
        except duckdb.Error as error:
            tally.add("index_unreadable", where, str(error).splitlines()[0])
        finally:
            base.close()


def _repeated(base: object, index: Path, column: str) -> list[tuple[str, int]]:
    rows = base.read_parquet(str(index))  # type: ignore[attr-defined]
    counted = rows.aggregate(f"{column}, count(*) AS found", column)
    found: list[tuple[str, int]] = (
        counted.filter("found > 1").order(column).limit(100 * SHOWN).fetchall()
    )
    return found
