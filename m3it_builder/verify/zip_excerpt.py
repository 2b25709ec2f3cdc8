"""Zips of any size through ``zipfile``, which keeps a whole directory in memory (1 kB an entry).

The directory is cut into parts of 10,000 entries. ``zipfile`` is given, for each part, a
file that looks like a complete zip of these entries alone. Only the lengths of entries
are read here; names, sizes, offsets and contents are what ``zipfile`` makes of them.

Format: PKWARE APPNOTE 6.3 sections 4.3.12 (directory), 4.3.14 to 4.3.16 (end records).
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, cast

_ENTRIES = 10_000  # of a part: about 10 MB of memory
_ENTRY_BYTES = 46  # the fixed part of a directory entry; three lengths are at byte 28
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MAX_COMMENT = 65_535
# What ``zipfile`` raises for a directory entry that it cannot parse.
_BAD_ENTRY = (zipfile.BadZipFile, NotImplementedError, struct.error, ValueError, OverflowError)

_Entry = tuple[zipfile.ZipFile, zipfile.ZipInfo]


def zip_excerpts(file: IO[bytes]) -> Iterator[_Entry]:
    """Yield every entry of a zip, with the ``ZipFile`` that opens it until the next is asked for.

    Entries that ``zipfile`` cannot parse are left out, each on its own.

    Raises:
        zipfile.BadZipFile: the directory is missing, truncated or corrupt.
    """
    directory = _directory(file)
    position, part = directory.start, []
    while position < directory.end:
        entry = _entry_at(file, position)
        position += len(entry)
        part.append(entry)
        if len(part) == _ENTRIES or position >= directory.end:
            yield from _parsed(file, directory, part)
            part = []


@dataclass(frozen=True, slots=True)
class _Directory:
    start: int  # offset in the file
    end: int
    shift: int  # bytes before the zip: self-extracting ones have some


def _directory(file: IO[bytes]) -> _Directory:
    size = file.seek(0, os.SEEK_END)
    base = max(0, size - _END.size - _MAX_COMMENT)
    file.seek(base)
    tail = file.read()
    position = _end_record(tail)
    *_, length, offset, _ = _END.unpack_from(tail, position)
    end = base + position
    file.seek(max(0, end - _LOCATOR_64.size - _END_64.size))
    records = file.read(end - file.tell())
    if records[-_LOCATOR_64.size :].startswith(b"PK\x06\x07"):
        if not records.startswith(b"PK\x06\x06"):
            raise zipfile.BadZipFile("the zip64 end record is corrupt")
        *_, length, offset = _END_64.unpack_from(records)
        end -= len(records)
    start = end - length
    if not 0 <= offset <= start:
        raise zipfile.BadZipFile("the directory is not where the end record says")
    return _Directory(start, end, start - offset)


def _end_record(tail: bytes) -> int:
    """Return the position of the end record: the one whose comment ends with the file."""
    positions = []
    position = tail.rfind(b"PK\x05\x06")
    while position >= 0:
        if position + _END.size <= len(tail):
            positions.append(position)
            if position + _END.size + _END.unpack_from(tail, position)[-1] == len(tail):
                return position
        position = tail.rfind(b"PK\x05\x06", 0, position)
    if not positions:
        raise zipfile.BadZipFile("not a zip file, or truncated")
    return positions[0]


def _entry_at(file: IO[bytes], position: int) -> bytes:
    # Members are read in between, so the position is never where the last entry ended.
    file.seek(position)
    fixed = file.read(_ENTRY_BYTES)
    if len(fixed) < _ENTRY_BYTES or fixed[:4] != b"PK\x01\x02":
        raise zipfile.BadZipFile("the directory is corrupt")
    return fixed + file.read(sum(struct.unpack_from("<3H", fixed, 28)))


def _parsed(file: IO[bytes], directory: _Directory, part: Sequence[bytes]) -> Iterator[_Entry]:
    """Yield the entries of one part; where parsing fails, of its halves."""
    excerpt = _Excerpt(file, directory, part)
    try:
        archive = zipfile.ZipFile(cast(IO[bytes], excerpt))
    except _BAD_ENTRY:
        middle = len(part) // 2
        if middle:
            yield from _parsed(file, directory, part[:middle])
            yield from _parsed(file, directory, part[middle:])
        return
    with archive:
        for entry in archive.infolist():
            yield archive, entry


class _Excerpt:
    """A zip with some of the entries of its directory, as ``zipfile`` reads files."""

    def __init__(self, file: IO[bytes], directory: _Directory, part: Sequence[bytes]) -> None:
        entries = b"".join(part)
        offset = directory.start - directory.shift
        # Always with zip64 records: offsets may need them, and zipfile always looks for them.
        counts: tuple[Any, ...] = len(part), len(part), len(entries), offset
        end_64 = _END_64.pack(b"PK\x06\x06", _END_64.size - 12, 45, 45, 0, 0, *counts)
        locator = _LOCATOR_64.pack(b"PK\x06\x07", 0, offset + len(entries), 1)
        end = _END.pack(b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        self._file = file
        self._data_end = directory.start  # where the members end and the directory begins
        self._tail = entries + end_64 + locator + end
        self._position = 0

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = self._data_end + len(self._tail)
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}[whence]
        if start + offset < 0:
            raise OSError(f"negative offset {start + offset}")
        self._position = start + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        if self._position >= self._data_end:
            start = self._position - self._data_end
            data = self._tail[start : None if size < 0 else start + size]
        else:
            left = self._data_end - self._position
            self._file.seek(self._position)
            data = self._file.read(left if size < 0 else min(size, left))
        self._position += len(data)
        return data
