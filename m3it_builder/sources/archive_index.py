"""The archive index: the directory of one zip or tar as a small SQLite database.

Built on first use and stored under ``<sources>/.m3it-index/``, or in the user's cache
directory if the sources are read-only; rebuilt when the archive changes.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from msgspec import structs

from m3it_builder.cards.suffixes import COMPRESSED
from m3it_builder.records import FileIdentity, Slice
from m3it_builder.sources.archives import Member, list_members
from m3it_builder.storage.atomic import atomic_path

INDEX_FOLDER = ".m3it-index"
_INDEX_VERSION = 5
_COLUMNS = "offset, length, stored_length, method, crc, header_crc"


class ArchiveIndex:
    """Looks up the members of one archive by name.

    Raises:
        SourceError: the archive is truncated or corrupt, or a member name is a path traversal.
    """

    def __init__(self, path: Path, sources: Path) -> None:
        self.path = path
        # Before the members are listed: a change while they are is noticed by readers.
        self.identity = FileIdentity.of(path.stat())
        self._database = _open_or_build(path, self.identity, sources)

    def find(self, name: str) -> Slice | None:
        """Return the location of a member, or None."""
        row = self._database.execute(
            f"SELECT {_COLUMNS} FROM members WHERE name = ?",  # noqa: S608 - a constant
            (name,),
        ).fetchone()
        return Slice(str(self.path), *row) if row else None

    def find_basename(self, basename: str) -> list[Slice]:
        """Return members with a basename, in any folder: at most two, which is ambiguous."""
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM members"  # noqa: S608
            " WHERE name = ?1 OR substr(name, -length(?1) - 1) = '/' || ?1 LIMIT 2",
            (basename,),
        )
        return [Slice(str(self.path), *row) for row in rows]

    def glob(self, pattern: str) -> list[str]:
        """Return the member names that match a pattern; ``*`` and ``?`` do not match ``/``."""
        rows = self._database.execute("SELECT name FROM members WHERE name GLOB ?", (pattern,))
        # In SQLite's GLOB a ``*`` matches ``/`` too.
        return [name for (name,) in rows if name.count("/") == pattern.count("/")]

    def contains_tars(self) -> bool:
        """Return True if the archive contains tars, judging by its first 200 names."""
        rows = self._database.execute("SELECT name FROM members ORDER BY name LIMIT 200")
        return any(name.endswith((*COMPRESSED, ".tar")) for (name,) in rows)

    def contains_sparse(self) -> bool:
        """Return True if a member is stored as a sparse file."""
        query = "SELECT 1 FROM members WHERE method = 'sparse' LIMIT 1"
        return self._database.execute(query).fetchone() is not None

    def duplicates(self) -> tuple[int, str]:
        """Return how many members repeat an earlier name, and one such name; the last is used."""
        count, name = self._database.execute(
            "SELECT coalesce(sum(repeats), 0), min(name) FROM"
            " (SELECT name, copies - 1 AS repeats FROM members WHERE copies > 1"
            " UNION ALL SELECT name, copies FROM removed)"
        ).fetchone()
        return count, name or ""

    def top_folders(self) -> list[str]:
        """Return the names of the top-level folders."""
        rows = self._database.execute(
            "SELECT DISTINCT substr(name, 1, instr(name, '/') - 1) FROM members"
        )
        return [name for (name,) in rows if name]


def _open_or_build(archive: Path, identity: FileIdentity, sources: Path) -> sqlite3.Connection:
    # Size and mtime alone would take a copy that kept its time for the archive it replaced.
    key = f"{_INDEX_VERSION}:{archive.resolve()}:{identity}"
    digest = hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
    folder = _index_folder(sources)
    prefix = f"{archive.parent.name}-{archive.name}"
    database = folder / f"{prefix}-{digest}.sqlite"
    if not database.exists():
        for stale in folder.glob(f"{prefix}-*.sqlite"):
            stale.unlink(missing_ok=True)
        _build(archive, database)
    try:
        return _open(database)
    except sqlite3.DatabaseError:  # truncated or overwritten: it is a cache, rebuild it
        _build(archive, database)
        return _open(database)


def _open(database: Path) -> sqlite3.Connection:
    # immutable: no locks and no journal files, neither of which a read-only or network mount
    # may allow. Safe because an index is only ever replaced by a rename, never modified.
    connection = sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True)
    # ``connect`` reads nothing. A query makes a corrupt file fail here, where it is rebuilt.
    connection.execute("SELECT count(*) FROM members WHERE name = ''")
    return connection


def _build(archive: Path, database: Path) -> None:
    with atomic_path(database) as partial:
        with closing(sqlite3.connect(partial)) as connection:
            # No journal, no fsync: a crash leaves a partial file that nothing reads, and an
            # index that a power cut truncated is rebuilt when it is opened.
            connection.executescript(_SCHEMA)
            for member in list_members(archive):
                _insert(connection, member)
            connection.commit()
        partial.chmod(0o644)  # a shared source folder has other users, whatever this umask


_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
CREATE TABLE members (name TEXT PRIMARY KEY, offset INTEGER, length INTEGER,
    stored_length INTEGER, method TEXT, crc INTEGER, header_crc INTEGER,
    copies INTEGER DEFAULT 1) WITHOUT ROWID;
CREATE TABLE removed (name TEXT, copies INTEGER);
"""
# Entries are inserted in archive order, so the index is what unpacking leaves: of two members
# with one name the later wins, and a hard link has the content that its target has by then.
_REPLACE = """
ON CONFLICT (name) DO UPDATE SET offset = excluded.offset, length = excluded.length,
    stored_length = excluded.stored_length, method = excluded.method, crc = excluded.crc,
    header_crc = excluded.header_crc, copies = copies + 1
"""
_INSERT = f"INSERT INTO members (name, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) {_REPLACE}"  # noqa: S608
_LINK = f"""
INSERT INTO members (name, {_COLUMNS}) SELECT ?, {_COLUMNS} FROM members WHERE name = ? {_REPLACE}
"""  # noqa: S608
_REMOVED = "INSERT INTO removed SELECT name, copies FROM members WHERE name = ?"


def _insert(connection: sqlite3.Connection, member: Member) -> None:
    name = member.name
    if member.location is not None:
        _, *values = structs.astuple(member.location)
        connection.execute(_INSERT, (name, *values))
    elif member.link is None:
        connection.execute(_REMOVED, (name,))
        connection.execute("DELETE FROM members WHERE name = ?", (name,))
    elif member.link != name:  # a link to itself changes nothing
        connection.execute(_LINK, (name, member.link))


def _index_folder(sources: Path) -> Path:
    """Return a writable folder for indexes; source folders are often mounted read-only."""
    folder = sources / INDEX_FOLDER
    try:
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # a read-only mount: use the user's cache
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m3it" / "index"
    cache.mkdir(parents=True, exist_ok=True)
    return cache
