"""The central directory of a zip, streamed.

Format: PKWARE APPNOTE 6.3 sections 4.3.12 to 4.3.16, and 4.5.3 (zip64).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice, StorageMethod
from m3it_builder.sources.archives import Member, normalize_name

# Records of the format, by their names in APPNOTE.
_END = struct.Struct("<4s4H2LH")  # end of central directory record
_ZIP64_LOCATOR = struct.Struct("<4sLQL")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER_BYTES = 30  # at least, between the offset of a member and its data
_MAX_COMMENT = 65_535  # bytes that may follow the end of central directory record
_IN_ZIP64 = 0xFFFFFFFF  # in a 32-bit field: the value is in the zip64 extra field
_ZIP64_TAG = 1
_MAX_RATIO = 1_032  # of deflate: a bit of input makes at most 129 bytes of output
_METHODS: dict[int, StorageMethod] = {0: "stored", 8: "deflated"}
_BLOCK = 1 << 20  # bytes


def zip_members(path: Path) -> Iterator[Member]:
    """Yield the files of a zip, in the order of its central directory.

    Raises:
        SourceError: the central directory is missing, truncated or corrupt.
    """
    with path.open("rb", buffering=_BLOCK) as file:
        start, end, shift = _central_directory(path, file)
        file.seek(start)
        # Not by the number of entries: it has 16 bits and wraps in archives without zip64.
        while file.tell() < end:
            member = _central_entry(path, file, shift, start)
            if member is not None:
                yield member


def bytes_before(path: Path) -> int:
    """Return the number of bytes before the archive; self-extracting archives have some.

    Raises:
        SourceError: the end of the archive is missing or corrupt.
    """
    with path.open("rb") as file:
        return _central_directory(path, file)[2]


def _central_directory(path: Path, file: BinaryIO) -> tuple[int, int, int]:
    """Return start and end of the central directory, and the shift of all stored offsets.

    The shift is the number of bytes before the archive; self-extracting archives have some.
    """
    size = file.seek(0, os.SEEK_END)
    tail_size = min(size, _END.size + _MAX_COMMENT)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    position = _end_record(tail)
    if position is None:
        raise SourceError(
            f"{path}: not a complete zip file ({size:,} bytes, no end of central directory)",
            "it is truncated or a web page, download it again",
        )
    _, disk, _, _, _, length, offset, _ = _END.unpack_from(tail, position)
    end = size - tail_size + position
    locator = position - _ZIP64_LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        # Not the offset in the locator, which bytes before the archive make wrong.
        end = size - tail_size + locator - _ZIP64_END.size
        file.seek(max(0, end))
        record = file.read(_ZIP64_END.size)
        if len(record) < _ZIP64_END.size or record[:4] != b"PK\x06\x06":
            raise SourceError(f"{path}: the zip64 end record is corrupt; download it again")
        _, _, _, _, disk, _, _, _, length, offset = _ZIP64_END.unpack(record)
    start = end - length
    if disk or start < 0 or start < offset:
        raise SourceError(
            f"{path}: one part of a split zip, or truncated",
            "join the parts with `m3it fetch --repack`, or download it again",
        )
    return start, end, start - offset


def _end_record(tail: bytes) -> int | None:
    """Return the position of the end record in the last bytes of the file.

    A comment may contain the signature too: the record is the one whose comment reaches
    exactly to the end of the file; without any such, the last one.
    """
    last = position = tail.rfind(b"PK\x05\x06")
    while position >= 0:
        if position + _END.size <= len(tail):
            comment = int.from_bytes(tail[position + 20 : position + 22], "little")
            if position + _END.size + comment == len(tail):
                return position
        position = tail.rfind(b"PK\x05\x06", 0, position)
    return last if last >= 0 and last + _END.size <= len(tail) else None


def _central_entry(path: Path, file: BinaryIO, shift: int, data_end: int) -> Member | None:
    """Read the next entry of the central directory; None for a folder."""
    header = file.read(_CENTRAL_HEADER.size)
    if len(header) < _CENTRAL_HEADER.size or header[:4] != b"PK\x01\x02":
        raise SourceError(f"{path}: the central directory of the zip is corrupt; download it again")
    fields = _CENTRAL_HEADER.unpack(header)
    flags, method = fields[3:5]
    crc, stored_length, length, name_size, extra_size, comment_size = fields[7:13]
    name = _decode_name(file.read(name_size), "utf-8" if flags & 0x800 else "cp437")
    extra = file.read(extra_size)
    file.read(comment_size)
    if name.endswith("/"):
        return None
    sizes = _zip64(extra, (length, stored_length, fields[-1]))
    location = Slice(str(path), 0, 0, 0, "invalid", crc)
    if sizes is not None:
        length, stored_length, offset = sizes
        kind: StorageMethod = "encrypted" if flags & 1 else _METHODS.get(method, "unsupported")
        if _is_possible(sizes, kind, data_end - shift):
            location = Slice(str(path), offset + shift, length, stored_length, kind, crc)
    return Member(normalize_name(name), location)


def _is_possible(sizes: tuple[int, int, int], kind: StorageMethod, data_end: int) -> bool:
    """Return True if a member of these sizes fits into its archive.

    A size that does not would be believed by everything that plans with sizes: memory,
    disk space, shards.
    """
    length, stored_length, offset = sizes
    if offset + _LOCAL_HEADER_BYTES + stored_length > data_end:
        return False
    return length <= stored_length * (1 if kind == "stored" else _MAX_RATIO)


def _decode_name(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:  # the flag says UTF-8, and the tool wrote something else
        return name.decode("cp437")


def _zip64(extra: bytes, sizes: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Return length, stored length and offset; those beyond 32 bits from the zip64 field.

    None if a value is said to be in that field and is not.
    """
    overflows = [size == _IN_ZIP64 for size in sizes]
    if not any(overflows):
        return sizes
    position = 0
    while position + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, position)
        field = extra[position + 4 : position + 4 + size]
        if tag == _ZIP64_TAG:
            # It holds only the values that overflow, in this order.
            if len(field) < size or len(field) < 8 * sum(overflows):
                return None
            values = iter(struct.unpack_from(f"<{sum(overflows)}Q", field))
            length, stored_length, offset = (
                next(values) if overflow else value
                for value, overflow in zip(sizes, overflows, strict=True)
            )
            return length, stored_length, offset
        position += 4 + size
    return None
