"""Zip and plain tar archives, read in place.

The directory of an archive is streamed: a zip of a million members takes no more
memory than one of ten. Formats: PKWARE APPNOTE 6.3 sections 4.3.7, 4.3.12-4.3.16 and
4.5.3 (zip64); POSIX ustar, pax and GNU tar through the standard library.
"""

from __future__ import annotations

import os
import posixpath
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice
from m3it_builder.sources.base64_span import decode_span

# Records of the zip format, by their names in APPNOTE.
_END = struct.Struct("<4s4H2LH")  # end of central directory record
_ZIP64_LOCATOR = struct.Struct("<4sLQL")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_CENTRAL_HEADER = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 65_535  # bytes that may follow the end of central directory record
_IN_ZIP64 = 0xFFFFFFFF  # in a 32-bit field: the value is in the zip64 extra field
_METHODS: dict[int, Literal["stored", "deflated", "unusable"]] = {0: "stored", 8: "deflated"}
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file in an archive."""

    name: str
    location: Slice


def is_archive(name: str) -> bool:
    """Return True if the suffix is that of an archive that can be read in place."""
    return name.lower().endswith((".zip", ".tar"))


def list_members(path: Path) -> Iterator[Member]:
    """Yield the regular files of a zip or a plain tar, in archive order.

    A zip member that is encrypted or uses an unsupported compression method is listed
    with the method ``unusable``; only opening it fails.

    Raises:
        SourceError: the archive is truncated or corrupt, or a member name is a path
            traversal.
    """
    members = _zip_members(path) if path.suffix.lower() == ".zip" else _tar_members(path)
    for member in members:
        # Not a reject of one member: an archive that tries this is not the official one.
        if not is_safe(member.name):
            raise path_traversal(path, member.name)
        yield member


def is_safe(name: str) -> bool:
    """Return True for a relative path that stays inside its folder.

    Components are compared, not substrings: ``..__open.png`` is safe.
    """
    if not name or name.startswith("/") or "\0" in name:
        return False
    return ".." not in name.split("/")


def path_traversal(archive: Path, name: str) -> SourceError:
    """Return the error for a member whose name leads outside its archive."""
    return SourceError(
        f"{archive}: member {name!r} is a path traversal; "
        "the file is not the official one, download it again"
    )


def normalize_name(name: str) -> str:
    r"""Return a member name with forward slashes, without ``./`` and ``//``.

    Absolute names and those with ``..`` are not normalized, so that ``is_safe`` rejects them.
    """
    name = name.replace("\\", "/")
    if ".." in name.split("/") or name.startswith("/"):
        return name
    return posixpath.normpath(name)


def read_slice(location: Slice, descriptor: int | None = None) -> bytes:
    """Return the decompressed bytes of a member.

    Args:
        location: of the member.
        descriptor: an open file descriptor of ``location.path``; opened here if absent.

    Raises:
        SourceError: the member is unusable, truncated or corrupt.
    """
    require_usable(location)
    if descriptor is not None:
        return _read_slice(location, descriptor)
    descriptor = os.open(location.path, os.O_RDONLY)
    try:
        return _read_slice(location, descriptor)
    finally:
        os.close(descriptor)


def require_usable(location: Slice) -> None:
    """Raise ``SourceError`` for a member that cannot be read in place."""
    if location.method == "unusable":
        raise SourceError(
            f"{location.path}: the member at byte {location.offset:,} is encrypted or uses a "
            "compression method that cannot be read in place; unpack the archive beside it"
        )


def _read_slice(location: Slice, descriptor: int) -> bytes:
    if location.method == "tar":
        data = os.pread(descriptor, location.length, location.offset)
    elif location.method == "base64":
        data = _read_base64(location, descriptor)
    else:
        data = os.pread(descriptor, location.stored_length, data_offset(location, descriptor))
    if location.method == "deflated":
        inflate = zlib.decompressobj(-15)  # raw deflate, no zlib header
        try:
            # One byte more than promised shows a wrong length, and stops a decompression bomb.
            data = inflate.decompress(data, location.length + 1)
        except zlib.error as error:
            raise corrupt_member(location, f"cannot be decompressed ({error})") from error
    if len(data) != location.length:
        raise corrupt_member(location, f"has {len(data):,} bytes instead of {location.length:,}")
    if location.crc is not None and zlib.crc32(data) != location.crc:
        raise corrupt_member(location, "has a wrong CRC-32")
    return data


def _read_base64(location: Slice, descriptor: int) -> bytes:
    try:
        return decode_span(os.pread(descriptor, location.stored_length, location.offset))
    except ValueError as error:
        raise corrupt_member(location, f"is not base64 ({error})") from error


def data_offset(location: Slice, descriptor: int) -> int:
    """Return the offset of a zip member's stored bytes, which follow its local header.

    The local header must be read: its extra field may differ from the central directory's.
    """
    header = os.pread(descriptor, _LOCAL_HEADER.size, location.offset)
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise corrupt_member(location, "has no local header")
    *_, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    return int(location.offset + _LOCAL_HEADER.size + name_size + extra_size)


def corrupt_member(location: Slice, detail: str) -> SourceError:
    """Return the error for a member that cannot be read, with what is wrong with it."""
    return SourceError(
        f"{location.path}: the member at byte {location.offset:,} {detail}; "
        "the archive is corrupt, download it again"
    )


def _zip_members(path: Path) -> Iterator[Member]:
    with path.open("rb", buffering=_BLOCK) as file:
        start, end, shift = _central_directory(path, file)
        file.seek(start)
        # Not by the number of entries: it has 16 bits and wraps in archives without zip64.
        while file.tell() < end:
            member = _central_entry(path, file, shift)
            if member is not None:
                yield member


def _central_directory(path: Path, file: BinaryIO) -> tuple[int, int, int]:
    """Return start and end of the central directory, and the shift of all stored offsets.

    The shift is the number of bytes before the archive; self-extracting archives have some.
    """
    size = file.seek(0, os.SEEK_END)
    tail_size = min(size, _END.size + _MAX_COMMENT)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    position = tail.rfind(b"PK\x05\x06")
    if position < 0 or len(tail) - position < _END.size:
        raise SourceError(
            f"{path}: not a complete zip file ({size:,} bytes, no end of central directory); "
            "it is truncated or a web page, download it again"
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
            f"{path}: one part of a split zip, or truncated; join the parts with "
            "`m3it fetch --repack`, or download it again"
        )
    return start, end, start - offset


def _central_entry(path: Path, file: BinaryIO, shift: int) -> Member | None:
    """Read the next entry of the central directory; None for a folder."""
    header = file.read(_CENTRAL_HEADER.size)
    if len(header) < _CENTRAL_HEADER.size or header[:4] != b"PK\x01\x02":
        raise SourceError(f"{path}: the central directory of the zip is corrupt; download it again")
    fields = _CENTRAL_HEADER.unpack(header)
    flags, method = fields[3:5]
    crc, stored_length, length, name_size, extra_size, comment_size = fields[7:13]
    offset = fields[-1]
    name = _decode_zip_name(file.read(name_size), "utf-8" if flags & 0x800 else "cp437")
    extra = file.read(extra_size)
    file.read(comment_size)
    length, stored_length, offset = _zip64(extra, length, stored_length, offset)
    if name.endswith("/"):
        return None
    kind = "unusable" if flags & 1 else _METHODS.get(method, "unusable")
    location = Slice(str(path), offset + shift, length, stored_length, kind, crc)
    return Member(normalize_name(name), location)


def _decode_zip_name(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:  # the flag says UTF-8, and the tool wrote something else
        return name.decode("cp437")


def _zip64(extra: bytes, length: int, stored_length: int, offset: int) -> tuple[int, int, int]:
    """Replace the fields that do not fit into 32 bits by those of the zip64 extra field."""
    position = 0
    while position + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, position)
        if tag == 1:
            # It holds only the fields that overflow, in this order.
            values = iter(struct.unpack_from(f"<{size // 8}Q", extra, position + 4))
            length = next(values) if length == _IN_ZIP64 else length
            stored_length = next(values) if stored_length == _IN_ZIP64 else stored_length
            offset = next(values) if offset == _IN_ZIP64 else offset
        position += 4 + size
    return length, stored_length, offset


def _tar_members(path: Path) -> Iterator[Member]:
    size = path.stat().st_size
    end = 0
    try:
        with tarfile.open(path, "r:") as tar:
            while (entry := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined] # else tarfile keeps every header
                start, length = entry.offset_data, entry.size if entry.isreg() else 0
                end = start + length
                if end > size:
                    break
                if entry.isreg():
                    name = normalize_name(_decode_tar_name(entry.name))
                    yield Member(name, Slice(str(path), start, length, length, "tar", None))
    except tarfile.TarError as error:
        raise SourceError(
            f"{path}: truncated, or not a plain tar file ({error}); download it again"
        ) from error
    # tarfile takes the end of the file for the end of the archive, which hides a truncation.
    padded = -(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    if end > size or not _has_zero_block(path, padded):
        raise SourceError(f"{path}: the tar file is truncated; download it again")


def _decode_tar_name(name: str) -> str:
    """Return a name that is not UTF-8 as Latin-1: tarfile's surrogates cannot be encoded."""
    if name.isascii():
        return name
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _has_zero_block(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(tarfile.BLOCKSIZE)
    return len(block) == tarfile.BLOCKSIZE and not any(block)
