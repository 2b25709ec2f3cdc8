"""Run audits: SQL queries over a finished build, for errors that involve several rows.

Each ``*.sql`` file is one audit. Its first line is a comment that describes the error if the
query returns rows; a comment ``-- level: note`` marks findings that do not fail the audit.
Queries use the views ``instances``, ``rejects`` and ``cards``, which have text columns only;
images are never opened.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from m3it_builder.dataset.manifest import manifests, task_folders
from m3it_builder.errors import AuditError, BuildError

if TYPE_CHECKING:
    import duckdb

SHOWN_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one audit; without rows it has passed."""

    audit: str
    about: str  # the error, if there are rows
    level: Literal["error", "note"]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]  # at most SHOWN_ROWS of them
    count: int  # of all rows


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with their column names."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def audit(build: Path, folders: Sequence[Path] = ()) -> Iterator[Finding]:
    """Run the bundled audits, and those in additional folders.

    Args:
        build: output folder, or the folder of one task in it.
        folders: folders with additional ``*.sql`` files.

    Raises:
        BuildError: there is no finished build.
        AuditError: a query is invalid, or a folder has none.
    """
    base = connect(build)
    for folder in (Path(__file__).parent, *folders):
        files = sorted(folder.glob("*.sql"))
        if not files:
            raise AuditError(f"{folder}: has no *.sql file; name a folder with audits")
        for path in files:
            yield _run(base, path)


def query(build: Path, sql: str) -> Table:
    """Run one SQL query over a build.

    Raises:
        BuildError: there is no finished build.
        AuditError: the query is invalid; the message includes that of DuckDB.
    """
    return _execute(connect(build), sql, "the query")


def views(build: Path) -> list[tuple[str, Table]]:
    """Return the name of each view, with its columns and types."""
    base = connect(build)
    names = ("instances", "rejects", "cards")
    return [(name, _execute(base, f"DESCRIBE {name}", name)) for name in names]


def connect(build: Path) -> duckdb.DuckDBPyConnection:
    """Return an in-memory database with the three views over a build.

    Raises:
        BuildError: there is no finished build, or an index cannot be read.
    """
    import duckdb

    base = duckdb.connect(":memory:")
    folders = task_folders(build)
    for view, name in (("instances", "index"), ("rejects", "rejects")):
        files = [
            glob.escape(str(folder / "meta" / manifest.split / f"{name}.parquet"))
            for folder in folders
            for manifest in manifests(folder)
        ]
        try:
            base.read_parquet(files, union_by_name=True).create_view(view)
        except duckdb.Error as error:
            raise BuildError(
                f"{build}: {str(error).splitlines()[0]}; rebuild with --replace"
            ) from error
    _create_cards(base, folders)
    return base


def _create_cards(base: duckdb.DuckDBPyConnection, folders: Sequence[Path]) -> None:
    base.execute(
        'CREATE TABLE cards (task TEXT, base TEXT, split TEXT, title TEXT, "group" TEXT,'
        " lang TEXT, license TEXT, image_license TEXT, held_out BOOLEAN, homepage TEXT,"
        " citation TEXT, published_rows BIGINT, rows BIGINT, examples BIGINT, images BIGINT,"
        " image_bytes BIGINT, seed BIGINT, row_limit BIGINT, is_sample BOOLEAN)"
    )
    for folder in folders:
        for unit in manifests(folder):
            card, plan = unit.card, unit.plan
            facts = [card.title, card.group, card.lang, card.license, card.image_license,
                     card.held_out, card.homepage, card.citation, card.rows]  # fmt: skip
            counts = [unit.instances, unit.examples, unit.images, unit.image_bytes]
            choices = [plan.seed, plan.limit, plan.sample]
            values = [unit.task, card.base, unit.split, *facts, *counts, *choices]
            base.execute(f"INSERT INTO cards VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608


def _run(base: duckdb.DuckDBPyConnection, path: Path) -> Finding:
    try:
        sql = path.read_text(encoding="utf-8").rstrip().rstrip(";")
    except UnicodeDecodeError as error:
        raise AuditError(f"{path}: not UTF-8; save it in that encoding") from error
    comments = [line[2:].strip() for line in sql.splitlines() if line.startswith("--")]
    if not comments:
        raise AuditError(f"{path}: the first line must be a comment that describes the error")
    counted = f"SELECT *, count(*) OVER () AS total FROM (\n{sql}\n) LIMIT {SHOWN_ROWS}"  # noqa: S608
    table = _execute(base, counted, path.name)
    return Finding(
        audit=path.stem,
        about=comments[0],
        level="note" if "level: note" in comments else "error",
        columns=table.columns[:-1],
        rows=tuple(row[:-1] for row in table.rows),
        count=table.rows[0][-1] if table.rows else 0,
    )


def _execute(base: duckdb.DuckDBPyConnection, sql: str, name: str) -> Table:
    import duckdb

    try:
        result = base.execute(sql)
        if result is None or result.description is None:
            raise AuditError(f"{name}: nothing to run; write a SQL statement")
        columns = tuple(column[0] for column in result.description)
        return Table(columns, tuple(result.fetchall()))
    except duckdb.Error as error:
        raise AuditError(f"{name}: {str(error).strip().splitlines()[0]}") from error
