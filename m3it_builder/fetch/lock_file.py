"""The lock file of a folder of sources: size and digest of every first download.

Half of the official files have no published digest. What the first download was is the best
evidence there is: a later one that differs, in this folder or in a copy of the lock file, is
reported instead of used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from m3it_builder.errors import SourceError
from m3it_builder.fetch.exclusive import exclusive
from m3it_builder.storage.atomic import write_atomic

LOCK_FILE = "m3it-lock.json"
_VERSION = 1


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One first download."""

    size: int  # bytes
    sha256: str  # hexadecimal
    date: str  # UTC, ISO 8601
    url: str = ""  # without secrets; empty for a file that was put there by hand
    etag: str = ""


class _LockFile(msgspec.Struct, frozen=True):
    version: int
    files: dict[str, Entry]  # by ``<source_id>/<file>``


def read_entries(sources: Path) -> dict[str, Entry]:
    """Return the entries of a lock file; none if it does not exist.

    Raises:
        SourceError: it is not a lock file, or one of a newer version.
    """
    path = sources / LOCK_FILE
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_LockFile)
    except FileNotFoundError:
        return {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceError(
            f"{path}: not a valid lock file ({error}); restore it from a copy, or delete it to "
            "record the files again"
        ) from error
    if content.version != _VERSION:
        raise SourceError(
            f"{path}: has version {content.version}; this m3it reads version {_VERSION}, update it"
        )
    return content.files


def record(sources: Path, name: str, entry: Entry) -> None:
    """Add or replace one entry atomically; concurrent runs lose none.

    Args:
        sources: folder of the lock file.
        name: ``<source_id>/<file>``.
        entry: what was downloaded.

    Raises:
        SourceError: the present lock file cannot be read.
    """
    with exclusive(sources, LOCK_FILE):
        entries = {**read_entries(sources), name: entry}
        content = _LockFile(_VERSION, dict(sorted(entries.items())))
        data = msgspec.json.format(msgspec.json.encode(content), indent=2)
        write_atomic(sources / LOCK_FILE, data + b"\n", fsync=True)


def now() -> str:
    """Return the current time as entries store it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
