"""Run audits: SQL queries over a finished build, for errors that involve several rows.

Each ``*.sql`` file is one audit. Its first line is a comment that describes the error if the
query returns rows; a comment ``-- level: note`` marks findings that do not fail the audit.
Queries use the views ``instances``, ``rejects`` and ``cards``, which have text columns only.
An audit may be written by anyone, so it runs in a sandbox (``audits.sandbox``).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from m3it_builder.audits.database import COLUMNS, opened
from m3it_builder.audits.sandbox import VIEW, create_view, one_select
from m3it_builder.errors import AuditError

if TYPE_CHECKING:
    import duckdb

Row = tuple[Any, ...]

SHOWN_ROWS = 1_000
_FETCHED_ROWS = 10_000
_MESSAGE_CHARS = 600


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one audit; without rows it has passed."""

    audit: str
    about: str  # the error, if there are rows
    level: Literal["error", "note"]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]  # at most SHOWN_ROWS of them
    count: int  # of all rows


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with their column names."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a query, fetched piece by piece."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


def audit(build: Path, folders: Sequence[Path] = ()) -> Iterator[Finding]:
    """Run the bundled audits, and those in additional folders.

    Args:
        build: output folder, or the folder of one task in it.
        folders: folders with additional ``*.sql`` files.

    Raises:
        BuildError: there is no finished build, or it cannot be read.
        AuditError: a query is invalid or not a single SELECT, or a folder has none.
    """
    with opened(build, safe=True) as base:
        for folder in (Path(__file__).parent, *folders):
            files = sorted(folder.glob("*.sql"))
            if not files:
                raise AuditError(f"{folder}: has no *.sql file; name a folder with audits")
            for path in files:
                yield _run(base, path)


def audit_query(build: Path, sql: str) -> Finding:
    """Run one query as an audit of level error.

    Raises:
        BuildError: there is no finished build, or it cannot be read.
        AuditError: the query is invalid, or not a single SELECT.
    """
    with opened(build, safe=True) as base:
        table, count = _findings(base, sql, "the query")
    about = "The query returned rows."
    return Finding("your query", about, "error", table.columns, table.rows, count)


@contextmanager
def run_query(build: Path, sql: str, *, safe: bool = False) -> Iterator[Rows]:
    """Run one SQL query over a build, and fetch its rows while they are needed.

    Args:
        build: output folder, or the folder of one task in it.
        sql: a query, or several, of which the last one is fetched.
        safe: run it as an audit is run: one SELECT, in a sandbox.

    Raises:
        BuildError: there is no finished build, or it cannot be read.
        AuditError: the query is invalid; the message includes that of DuckDB.
    """
    name = "the query"
    with opened(build, safe=safe) as base, _readable_errors(name):
        result = base.execute(one_select(base, sql, name) if safe else sql)
        if result is None or result.description is None:
            raise AuditError(f"{name}: nothing to run; write a SQL statement")
        columns = tuple(column[0] for column in result.description)
        yield Rows(columns, _fetch(result))


def query(build: Path, sql: str, *, safe: bool = False) -> Table:
    """Run one SQL query over a build; as ``run_query``, with all rows in memory."""
    with run_query(build, sql, safe=safe) as result:
        return Table(result.columns, tuple(result.rows))


def views(build: Path) -> list[tuple[str, Table]]:
    """Return the name of each view, with its columns and types."""
    return [(name, query(build, f"DESCRIBE {name}")) for name in COLUMNS]


def _fetch(result: duckdb.DuckDBPyConnection) -> Iterator[Row]:
    while rows := result.fetchmany(_FETCHED_ROWS):
        yield from rows


def _run(base: duckdb.DuckDBPyConnection, path: Path) -> Finding:
    if not path.is_file():
        raise AuditError(f"{path}: not a regular file; remove or rename it")
    try:
        sql = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise AuditError(f"{path}: not UTF-8; save it in that encoding") from error
    comments = [line[2:].strip() for line in sql.splitlines() if line.startswith("--")]
    if not comments:
        raise AuditError(f"{path}: the first line must be a comment that describes the error")
    table, count = _findings(base, sql, path.name)
    level: Literal["error", "note"] = "note" if "level: note" in comments else "error"
    return Finding(path.stem, comments[0], level, table.columns, table.rows, count)


def _findings(base: duckdb.DuckDBPyConnection, sql: str, name: str) -> tuple[Table, int]:
    """Return the first rows of a query and the number of all.

    The two are separate queries, because one result with all rows would be kept in memory.
    """
    with _readable_errors(name):
        create_view(base, sql, name)
        result = base.execute(f"FROM temp.{VIEW} LIMIT {SHOWN_ROWS + 1}")
        columns = tuple(column[0] for column in result.description or ())
        rows = tuple(result.fetchall())
        count = len(rows)
        if count > SHOWN_ROWS:
            ((count,),) = base.execute(f"SELECT count(*) FROM temp.{VIEW}").fetchall()  # noqa: S608
        base.execute(f"DROP VIEW temp.{VIEW}")
        return Table(columns, rows[:SHOWN_ROWS]), count


@contextmanager
def _readable_errors(name: str) -> Iterator[None]:
    """Turn errors of DuckDB into one line that starts with the name of the query."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise AuditError(f"{name}: {_message(str(error))}") from error


def _message(text: str) -> str:
    """Return a message of DuckDB without its excerpt of the query.

    Further lines list similar columns, tables or functions.
    """
    if "Required module 'pytz'" in text:
        return "a time with a time zone cannot be shown; cast the column: column::VARCHAR"
    lines = []
    for line in text.splitlines():
        if line.startswith("LINE "):
            break
        if line.strip():
            lines.append(line.strip())
    message = " ".join(lines)[:_MESSAGE_CHARS]
    return message if "Candidate" in message else message + _column_hint(message)


def _column_hint(message: str) -> str:
    """Return similar columns where DuckDB suggests none: for names with that of the view."""
    unknown = re.search(r'column (?:named )?"([^"]+)"', message)
    if unknown is None:
        return ""
    known = sorted({column for columns in COLUMNS.values() for column in columns})
    if near := difflib.get_close_matches(unknown[1], known, n=3):
        listed = ", ".join(f'"{name}"' for name in near)
        return f"; similar columns: {listed}"
    return "; `m3it sql BUILD` without a query lists the columns"
