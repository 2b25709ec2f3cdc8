"""What the sources must hold, by name: a temporary SQLite file, so that memory stays bounded.

Filled from the indexes of all units before any source is read; then each source file is
read once, whichever units have images from it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import cast

import msgspec

from m3it_builder.records import Frames
from m3it_builder.verify.second_reader import normalized
from m3it_builder.verify.source_refs import SourceRef


class Role(IntEnum):
    """What is compared with a file."""

    FILE = 0  # the digest of its bytes
    SIZE = 1  # its size: an annotation file
    FRAMES = 2  # digests of frames of the video
    CELL = 3  # the digest of one image of the array


@dataclass(frozen=True, slots=True)
class Wanted:
    """One comparison with a source file."""

    number: int  # of the reference
    role: Role
    unit: int  # position among the units
    digests: tuple[str, ...]
    selection: Frames | int | None  # an int is the index of a cell
    width: int  # of the first image, in pixels
    bytes: int  # as published


@dataclass(frozen=True, slots=True)
class Reference:
    """One image, video or file that the sources must hold, as findings name it."""

    unit: int
    row_id: str | None  # of the first row with it; None for an annotation file
    name: str
    images: int  # of all rows with it
    is_video: bool


_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
CREATE TABLE refs (number INTEGER PRIMARY KEY, digest BLOB UNIQUE, unit INTEGER, row_id TEXT,
    name TEXT, digests BLOB, frames BLOB, width INTEGER, bytes INTEGER, images INTEGER);
CREATE TABLE keys (source TEXT, name TEXT, number INTEGER, role INTEGER,
    PRIMARY KEY (source, name, number, role)) WITHOUT ROWID;
"""
_INSERT = """
INSERT OR IGNORE INTO refs (digest, unit, row_id, name, digests, frames, width, bytes, images)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_WANTED = """
SELECT keys.number, role, unit, refs.name, digests, frames, width, bytes
FROM keys JOIN refs ON refs.number = keys.number
"""


class SourceTable:
    """The references of a verification; numbers start at 1, in the order of the indexes."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(_SCHEMA)

    @classmethod
    def open(cls, path: str) -> SourceTable:
        """Open a complete table for reading."""
        table = cls.__new__(cls)
        table._database = sqlite3.connect(f"{Path(path).as_uri()}?immutable=1", uri=True)
        return table

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def commit(self) -> None:
        """Complete the table: other processes may open it."""
        self._database.commit()

    def add(self, unit: int, ref: SourceRef) -> None:
        """Add the source of one or more images of a row."""
        frames = None if ref.frames is None else msgspec.json.encode(ref.frames)
        name, count = ref.names[0], len(ref.digests)
        values = ref.row_id, name, msgspec.json.encode(ref.digests), frames, ref.width, ref.bytes
        number = self._insert(unit, ref.names, (*values, count))
        if number is None:
            return
        base, _, index = name.rpartition("#")
        if ref.frames is not None:
            self._add_key(base, number, Role.FRAMES)
            return
        self._add_key(name, number, Role.FILE)
        if base and index.isdecimal():
            self._add_key(base, number, Role.CELL)

    def add_size(self, unit: int, name: str, size: int) -> None:
        """Add an annotation file, of which the manifest has the size."""
        number = self._insert(unit, (name,), (None, name, b"[]", None, 0, size, 0))
        if number is not None:
            self._add_key(name, number, Role.SIZE)

    def _insert(self, unit: int, names: tuple[str, ...], values: tuple[object, ...]) -> int | None:
        """Return the number of a new reference; None for that of another row, which is counted."""
        identity = repr((unit, names, values[2])).encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(identity, digest_size=16).digest()
        cursor = self._database.execute(_INSERT, (digest, unit, *values))
        if cursor.rowcount:
            return cursor.lastrowid
        self._database.execute(
            "UPDATE refs SET images = images + ? WHERE digest = ?", (values[-1], digest)
        )
        return None

    def _add_key(self, name: str, number: int, role: Role) -> None:
        source, _, path = name.partition("/")
        spelled = normalized(path)
        if spelled is None or normalized(source) != source:
            return  # no file can have this name: it is reported as missing
        self._database.execute(
            "INSERT OR IGNORE INTO keys VALUES (?, ?, ?, ?)", (source, spelled, number, role)
        )

    def totals(self) -> tuple[int, int]:
        """Return the number of references, and the bytes of their images."""
        (row,) = self._database.execute(
            "SELECT count(*), coalesce(sum(CASE WHEN images THEN bytes END), 0) FROM refs"
        )
        return cast(tuple[int, int], row)

    def starts(self, count: int) -> Iterator[tuple[str, str]]:
        """Yield the (source, path) at which slices of ``count`` names start."""
        names = self._database.execute("SELECT DISTINCT source, name FROM keys ORDER BY 1, 2")
        yield from islice(names, 0, None, count)

    def sources(self, is_open: Callable[[int], bool]) -> set[str]:
        """Return the sources of the references for which a function returns True."""
        keys = self._database.execute("SELECT source, number FROM keys")
        return {source for source, number in keys if is_open(number)}

    def wanted(self, source: str, name: str) -> list[Wanted]:
        """Return what is compared with the file of one name."""
        rows = self._database.execute(
            _WANTED + "WHERE source = ? AND keys.name = ?", (source, name)
        )
        return [_wanted(row) for row in rows]

    def slice(self, first: tuple[str, str], count: int) -> Iterator[tuple[str, str, list[Wanted]]]:
        """Yield (source, path, what is compared) for ``count`` names, starting with the first."""
        rows = self._database.execute(
            _WANTED.replace("SELECT", "SELECT source, keys.name,")
            + "WHERE (source, keys.name) >= (?, ?) ORDER BY source, keys.name, keys.number, role",
            first,
        )
        grouped = groupby(rows, key=itemgetter(0, 1))
        for (source, name), group in islice(grouped, count):
            yield source, name, [_wanted(row[2:]) for row in group]

    def references(self) -> Iterator[tuple[int, Reference]]:
        """Yield (number, reference) in the order of the indexes."""
        rows = self._database.execute(
            "SELECT number, unit, row_id, name, images, frames NOT NULL FROM refs ORDER BY number"
        )
        for number, unit, row_id, name, images, is_video in rows:
            yield number, Reference(unit, row_id, name, images, bool(is_video))


def _wanted(row: tuple[int, int, int, str, bytes, bytes | None, int, int]) -> Wanted:
    number, role, unit, name, digests, frames, width, size = row
    selection: Frames | int | None = None
    if role == Role.CELL:
        selection = int(name.rpartition("#")[2])
    elif frames is not None:
        selection = msgspec.json.decode(frames, type=Frames)
    decoded = msgspec.json.decode(digests, type=tuple[str, ...])
    return Wanted(number, Role(role), unit, decoded, selection, width, size)
