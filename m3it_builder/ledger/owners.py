"""Which process sent an attempt, and whether it still runs.

Every process that writes to a ledger has a lock file beside it, locked as long as it runs. The
kernel releases the lock when a process dies, however it dies; process ids are used again, and
mean nothing on another host. A file system without working locks is detected here.
"""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from m3it_builder.errors import LedgerError
from m3it_builder.ledger.failures import NO_LOCKS, ledger_errors

_INFIX = ".owner-"


class Owner:
    """The lock of this process; ``token`` identifies it in the ledger."""

    def __init__(self, ledger: Path) -> None:
        """Create the lock file.

        Raises:
            LedgerError: the folder cannot be written, or has no working locks.
        """
        with ledger_errors(ledger):
            self._descriptor = -1
            while self._descriptor < 0:
                self.token = secrets.token_hex(8)
                self._path = _lock_path(ledger, self.token)
                self._descriptor = _locked(self._path)
        if not _is_locked(self._path):
            self.close()
            raise LedgerError(f"{ledger}: {NO_LOCKS}")

    def close(self) -> None:
        """Remove the lock file; if that fails, the next process that opens the ledger does."""
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def is_running(ledger: Path, token: str) -> bool:
    """Return True if the process with this token still runs.

    Raises:
        LedgerError: the folder cannot be read, or has no working locks.
    """
    with ledger_errors(ledger):
        return _is_locked(_lock_path(ledger, token))


def remove_unlocked(ledger: Path) -> None:
    """Remove the lock files of processes that were killed."""
    real = Path(os.path.realpath(ledger))
    for path in real.parent.glob(f"{glob.escape(real.name)}{_INFIX}*"):
        with suppress(OSError), _try_lock(path) as has_lock:
            if has_lock:
                path.unlink()


def _lock_path(ledger: Path, token: str) -> Path:
    # SQLite resolves symbolic links too: its journal is beside the real file.
    return Path(f"{os.path.realpath(ledger)}{_INFIX}{token}")


def _locked(path: Path) -> int:
    """Create a file and lock it; return -1 if another process removed it before it was locked."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        # SQLite uses locks of this kind. Released first: on NFS both kinds exclude each other.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if path.exists():
            return descriptor
    except BaseException:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    os.close(descriptor)
    return -1


def _is_locked(path: Path) -> bool:
    try:
        with _try_lock(path) as has_lock:
            return not has_lock
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # of another user, so it cannot be examined


@contextmanager
def _try_lock(path: Path) -> Iterator[bool]:
    """Lock an existing file for the block if no other process has; yield whether it is locked."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        yield False
        return
    except BaseException:
        os.close(descriptor)
        raise
    try:
        yield True
    finally:
        os.close(descriptor)
