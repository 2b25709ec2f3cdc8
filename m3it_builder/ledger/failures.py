"""Failures of SQLite and of the operating system as one line that names the ledger."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from m3it_builder.errors import LedgerError

_ELSEWHERE = "name a ledger on a local disk with --ledger or $M3IT_LEDGER"
NO_LOCKS = f"the file system has no working file locks; {_ELSEWHERE}"
_READ_ONLY = f"it cannot be written; check its mode and that of its folder, or {_ELSEWHERE}"
_LOCKED = (
    "another process has kept it locked for too long, or the file system has no working file "
    f"locks; end that process, or {_ELSEWHERE}"
)
DAMAGED = (
    "damaged, or not a ledger; move it away, and restore a copy or the last export "
    "(`m3it ledger import`)"
)
_FULL = "the disk is full; free some space and repeat the command, it continues"
_INPUT_OUTPUT = "the disk reports an error; check it, its free space and `ulimit -f`"

_BY_CODE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: NO_LOCKS,
    sqlite3.SQLITE_NOLFS: NO_LOCKS,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _INPUT_OUTPUT,
}
_LOCK_CODES = (
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
)
_NO_LOCK_NUMBERS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_READ_ONLY_NUMBERS = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL_NUMBERS = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def ledger_errors(path: Path) -> Iterator[None]:
    """Raise failures in the block as errors that name the ledger; a bug is raised as it is.

    Raises:
        LedgerError: SQLite or the operating system cannot do what was asked for.
    """
    try:
        yield
    except sqlite3.Error as error:
        advice = _advice(error)
        if advice is None:
            raise
        raise LedgerError(f"{path}: {advice}") from error
    except OSError as error:
        raise LedgerError(f"{path}: {_os_advice(error)}") from error


def _advice(error: sqlite3.Error) -> str | None:
    code = getattr(error, "sqlite_errorcode", None)  # absent from errors of the module itself
    if code is None:
        # The file has text that is not UTF-8.
        return DAMAGED if "Could not decode to UTF-8" in str(error) else None
    if code in _LOCK_CODES:
        return NO_LOCKS
    if code == sqlite3.SQLITE_ERROR:
        is_damaged = str(error).startswith(("no such table", "no such column"))
        return DAMAGED if is_damaged else None
    return _BY_CODE.get(code & 0xFF)


def _os_advice(error: OSError) -> str:
    if error.errno in _NO_LOCK_NUMBERS:
        return NO_LOCKS
    if error.errno in _READ_ONLY_NUMBERS:
        return _READ_ONLY
    if error.errno in _FULL_NUMBERS:
        return _FULL
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"{reason}; choose another path with --ledger or $M3IT_LEDGER"
