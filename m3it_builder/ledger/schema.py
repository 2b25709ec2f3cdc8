"""The tables of a ledger, and how its file is opened.

A rollback journal and not a write-ahead log: see ``docs/decisions/0022-ledger.md``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from m3it_builder.errors import LedgerError
from m3it_builder.ledger.failures import DAMAGED, ledger_errors

VERSION = 1
APPLICATION_ID = 0x4D33_4C47  # "M3LG", which identifies the file as a ledger
BUSY_SECONDS = 60.0  # how long to wait for another process, which may be importing

_TABLES = (
    # AUTOINCREMENT: numbers of removed answers are not used again, so that a larger number
    # always means a later answer.
    "CREATE TABLE answers (seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,"
    " stage TEXT NOT NULL, prompt_version TEXT NOT NULL, model TEXT NOT NULL,"
    " text TEXT NOT NULL, finish_reason TEXT NOT NULL, refusal TEXT, input_tokens INTEGER,"
    " output_tokens INTEGER, answered_model TEXT NOT NULL)",
    "CREATE TABLE attempts (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,"
    " stage TEXT NOT NULL, prompt_version TEXT NOT NULL, model TEXT NOT NULL,"
    " mode TEXT NOT NULL, owner TEXT NOT NULL, started_at INTEGER NOT NULL,"
    " state TEXT NOT NULL, request_id TEXT, reserved_usd REAL NOT NULL, cost_usd REAL,"
    " batch TEXT, error TEXT)",
    "CREATE INDEX attempts_in_flight ON attempts (key) WHERE state = 'sent'",
    "CREATE INDEX attempts_of_batch ON attempts (batch) WHERE batch IS NOT NULL",
    "CREATE TABLE content (mark TEXT NOT NULL)",
    "INSERT INTO content VALUES (lower(hex(randomblob(8))))",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {VERSION}",
)


def connect(path: Path, *, write: bool, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open a ledger; for writing, a missing file is created.

    Raises:
        LedgerError: there is no ledger, it is damaged, of a later version or not a ledger, or
            it cannot be read, written or locked.
    """
    with ledger_errors(path):
        _require_file(path, write)
        # Readers open it for writing too, if they may: the first one after a killed writer has
        # to roll its journal back.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={'rwc' if write else 'rw'}",
            uri=True,
            timeout=busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _prepare(connection, path, write)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, durably; roll it back on an exception."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # on some errors SQLite has rolled back already
            connection.execute("ROLLBACK")
        raise


def _require_file(path: Path, write: bool) -> None:
    if not write and not (path.exists() and (path.stat().st_size or not path.is_file())):
        raise LedgerError(
            f"{path}: there is no ledger; name one with --ledger or $M3IT_LEDGER, or create it "
            "with `m3it ledger import`"
        )
    if path.is_dir():
        raise LedgerError(f"{path}: is a folder; name a file with --ledger or $M3IT_LEDGER")
    if path.exists():
        if not path.is_file():
            raise LedgerError(f"{path}: not a regular file; name another with --ledger")
    elif not path.absolute().parent.is_dir():
        raise LedgerError(f"{path}: the folder does not exist; create it, or name another ledger")


def _prepare(connection: sqlite3.Connection, path: Path, write: bool) -> None:
    # EXTRA: a power cut after a commit must not bring the deleted journal back.
    connection.execute("PRAGMA synchronous=EXTRA")
    connection.execute("PRAGMA cache_size=-8192")
    if write:
        connection.execute("PRAGMA auto_vacuum=FULL")  # has an effect on new files only
        if _is_empty(connection):
            with transaction(connection):
                if _is_empty(connection):  # another process may have created the tables
                    for statement in _TABLES:
                        connection.execute(statement)
        _require_version(connection, path)
        return
    _require_version(connection, path)
    connection.execute("PRAGMA query_only=ON")


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return tables == 0 and _pragma(connection, "application_id") == 0


def _require_version(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # raises if malformed
    # Writers are locked out now. SQLite would read the missing end of the last page as zeros.
    is_truncated = path.stat().st_size % _pragma(connection, "page_size") != 0
    connection.execute("COMMIT")
    if is_truncated:
        raise LedgerError(f"{path}: {DAMAGED}")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise LedgerError(
            f"{path}: an SQLite file, but not a ledger; name another with --ledger or $M3IT_LEDGER"
        )
    version = _pragma(connection, "user_version")
    if version > VERSION:
        raise LedgerError(
            f"{path}: of version {version}, which is later than {VERSION}, the version that this "
            "m3it reads; install a later m3it"
        )
    if version < VERSION:
        raise LedgerError(f"{path}: {DAMAGED}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
