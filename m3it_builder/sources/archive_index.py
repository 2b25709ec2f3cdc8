"""The directory of an archive as a small database, made on first use and kept.

It lies under ``<sources>/.m3it-index/``, or in the user's cache where the
sources cannot be written to, and is made anew when the archive changes.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from m3it_builder.cards.suffixes import COMPRESSED
from m3it_builder.records import Slice
from m3it_builder.sources.archives import list_members

INDEX_FOLDER = ".m3it-index"
_INDEX_VERSION = 2


class Archive:
    """The listing of one archive, in a small database built on first use."""

    def __init__(self, path: Path, sources: Path) -> None:
        self.path = path
        self._listing = _listing(path, sources)

    def find(self, name: str) -> Slice | None:
        """Return where a member lies, or None."""
        row = self._listing.execute(
            "SELECT offset, length, packed, method, crc FROM members WHERE name = ?", (name,)
        ).fetchone()
        return Slice(str(self.path), *row) if row else None

    def find_base(self, base: str) -> list[Slice]:
        """Return the members of a base name, at most two of them."""
        rows = self._listing.execute(
            "SELECT offset, length, packed, method, crc FROM members"
            " WHERE name = ?1 OR substr(name, -length(?1) - 1) = '/' || ?1 LIMIT 2",
            (base,),
        )
        return [Slice(str(self.path), *row) for row in rows]

    def glob(self, pattern: str) -> list[str]:
        """Return the members whose name matches a pattern."""
        rows = self._listing.execute("SELECT name FROM members WHERE name GLOB ?", (pattern,))
        return [name for (name,) in rows if name.count("/") == pattern.count("/")]

    def holds_tars(self) -> bool:
        """Tell whether there are tars inside, judging by the first names."""
        rows = self._listing.execute("SELECT name FROM members ORDER BY name LIMIT 200")
        return any(name.endswith((*COMPRESSED, ".tar")) for (name,) in rows)

    def tops(self) -> list[str]:
        """Return the names of the folders at the top."""
        rows = self._listing.execute(
            "SELECT DISTINCT substr(name, 1, instr(name, '/') - 1) FROM members"
        )
        return [name for (name,) in rows if name]


def _listing(path: Path, sources: Path) -> sqlite3.Connection:
    state = path.stat()
    key = f"{_INDEX_VERSION}:{path.resolve()}:{state.st_size}:{state.st_mtime_ns}"
    name = (
        f"{path.parent.name}-{path.name}-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}"
    )
    folder = _index_folder(sources)
    target = folder / f"{name}.sqlite"
    if not target.exists():
        for stale in folder.glob(f"{path.parent.name}-{path.name}-*.sqlite"):
            stale.unlink(missing_ok=True)
        _write_listing(path, target)
    try:
        return _opened(target)
    except sqlite3.DatabaseError:  # somebody emptied or cut it
        _write_listing(path, target)
        return _opened(target)


def _opened(target: Path) -> sqlite3.Connection:
    listing = sqlite3.connect(f"{target.resolve().as_uri()}?immutable=1", uri=True)
    listing.execute("SELECT count(*) FROM members WHERE name = ''")
    return listing


def _write_listing(path: Path, target: Path) -> None:
    handle, partial = tempfile.mkstemp(dir=target.parent, suffix=".partial")
    os.close(handle)
    try:
        listing = sqlite3.connect(partial)
        listing.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE members (name TEXT PRIMARY KEY, offset INTEGER, length INTEGER,"
            " packed INTEGER, method TEXT, crc INTEGER) WITHOUT ROWID;"
        )
        rows = (
            (
                m.name,
                m.location.offset,
                m.location.length,
                m.location.packed,
                m.location.method,
                m.location.crc,
            )
            for m in list_members(path)
        )
        listing.executemany("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?, ?)", rows)
        listing.commit()
        listing.close()
        Path(partial).chmod(0o644)  # other users of the sources read it too
        Path(partial).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(partial).unlink()


def _index_folder(sources: Path) -> Path:
    """Return a writable folder for listings; sources are often mounted read-only."""
    folder = sources / INDEX_FOLDER
    try:
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a read-only mount: fall through to the user's cache
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m3it" / "index"
    cache.mkdir(parents=True, exist_ok=True)
    return cache
