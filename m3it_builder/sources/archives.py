"""Zip and plain tar archives read where they lie, without unpacking.

Listing streams the directory of the archive, so a zip of a million members
costs no more memory than one of ten. Formats: PKWARE APPNOTE 6.3 sections
4.3.7, 4.3.12-4.3.16 and 4.5.3 (zip64); POSIX ustar, pax and GNU tar through
the standard library.
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

_EOCD = struct.Struct("<4s4H2LH")
_EOCD64_LOCATOR = struct.Struct("<4sLQL")
_EOCD64 = struct.Struct("<4sQ2H2L4Q")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_METHODS: dict[int, Literal["stored", "deflated", "unusable"]] = {0: "stored", 8: "deflated"}
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One regular file in an archive."""

    name: str
    location: Slice


def is_archive(name: str) -> bool:
    """Tell whether a file of that name can be read in place."""
    return name.lower().endswith((".zip", ".tar"))


def list_members(path: Path) -> Iterator[Member]:
    """Yield the regular files of a zip or a plain tar, in archive order.

    A zip member that is encrypted or compressed in a way that cannot be read in
    place is listed as ``unusable``; opening it is what fails.

    Raises:
        SourceError: the archive is cut short, damaged, or holds a name that
            leads outside it.
    """
    members = _zip_members(path) if path.suffix.lower() == ".zip" else _tar_members(path)
    for member in members:
        if not is_safe(member.name):  # no way to carry on: somebody meant harm
            raise SourceError(
                f"{path}: member {member.name!r} leads outside the archive; "
                "the file is not an official one, download it again"
            )
        yield member


def is_safe(name: str) -> bool:
    """Tell whether a relative name stays inside its folder (parts are judged, not substrings)."""
    if not name or name.startswith("/") or "\0" in name:
        return False
    return ".." not in name.split("/")


def tidy(name: str) -> str:
    """Return a member's name as people would write it: forward slashes, no ``./`` or ``//``."""
    name = name.replace("\\", "/")
    if ".." in name.split("/") or name.startswith("/"):
        return name  # left as it is, to be refused
    return posixpath.normpath(name)


def read_slice(location: Slice, descriptor: int | None = None) -> bytes:
    """Return the unpacked bytes of a member.

    Args:
        location: of the member.
        descriptor: an open file descriptor of ``location.path``; opened here if absent.

    Raises:
        SourceError: the bytes do not unpack, or fail their checksum.
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
            "compression that cannot be read in place; unpack the archive beside it"
        )


def _read_slice(location: Slice, descriptor: int) -> bytes:
    if location.method == "tar":
        data = os.pread(descriptor, location.length, location.offset)
    elif location.method == "base64":
        data = _from_text(location, os.pread(descriptor, location.packed, location.offset))
    else:
        data = os.pread(descriptor, location.packed, data_offset(location, descriptor))
    if location.method == "deflated":
        inflate = zlib.decompressobj(-15)
        try:
            data = inflate.decompress(data, location.length + 1)
        except zlib.error as error:
            raise damaged(location, f"does not unpack ({error})") from error
    if len(data) != location.length:
        raise damaged(location, f"has {len(data):,} bytes instead of {location.length:,}")
    if location.crc is not None and zlib.crc32(data) != location.crc:
        raise damaged(location, "fails its checksum")
    return data


def _from_text(location: Slice, text: bytes) -> bytes:
    try:
        return decode_span(text)
    except ValueError as error:
        raise damaged(location, f"is not base64 ({error})") from error


def data_offset(location: Slice, descriptor: int) -> int:
    """Return where the packed bytes of a zip member start, behind its local header."""
    header = os.pread(descriptor, _LOCAL.size, location.offset)
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        raise damaged(location, "has no local header")
    *_, name_size, extra_size = _LOCAL.unpack(header)
    return int(location.offset + _LOCAL.size + name_size + extra_size)


def damaged(location: Slice, how: str) -> SourceError:
    """Return the error for a member that cannot be read."""
    return SourceError(
        f"{location.path}: the member at byte {location.offset:,} {how}; "
        "the archive is damaged, download it again"
    )


def _zip_members(path: Path) -> Iterator[Member]:
    with path.open("rb", buffering=_BLOCK) as file:
        start, end, shift = _central_directory(path, file)
        file.seek(start)
        while file.tell() < end:  # the count of entries is kept in 16 bits and wraps
            member = _central_entry(path, file, shift)
            if member is not None:
                yield member


def _central_directory(path: Path, file: BinaryIO) -> tuple[int, int, int]:
    """Return where the directory starts and ends, and how far all offsets are shifted.

    They are shifted where something was put before the archive, as self-extracting
    ones have it.
    """
    size = file.seek(0, os.SEEK_END)
    tail_size = min(size, _EOCD.size + 65_535)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _EOCD.size:
        raise SourceError(
            f"{path}: not a complete zip file ({size:,} bytes, no end record); "
            "the download was cut short or is a web page, download it again"
        )
    _, disk, _, _, _, length, offset, _ = _EOCD.unpack_from(tail, at)
    end = size - tail_size + at
    locator = at - _EOCD64_LOCATOR.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        end = size - tail_size + locator - _EOCD64.size
        file.seek(max(0, end))
        record = file.read(_EOCD64.size)
        if len(record) < _EOCD64.size or record[:4] != b"PK\x06\x06":
            raise SourceError(f"{path}: the end of the zip file is damaged; download it again")
        _, _, _, _, disk, _, _, _, length, offset = _EOCD64.unpack(record)
    start = end - length
    if disk or start < 0 or start < offset:
        raise SourceError(
            f"{path}: is one part of a split zip, or cut short; join the parts with "
            "`m3it fetch --repack`, or download it again"
        )
    return start, end, start - offset


def _central_entry(path: Path, reader: BinaryIO, shift: int) -> Member | None:
    header = reader.read(_CENTRAL.size)
    if len(header) < _CENTRAL.size or header[:4] != b"PK\x01\x02":
        raise SourceError(f"{path}: the directory of the zip file is damaged; download it again")
    (
        _,
        _,
        _,
        flags,
        method,
        _,
        _,
        crc,
        packed,
        length,
        name_size,
        extra_size,
        note_size,
        *_,
        offset,
    ) = _CENTRAL.unpack(header)
    name = _decoded(reader.read(name_size), "utf-8" if flags & 0x800 else "cp437")
    extra = reader.read(extra_size)
    reader.read(note_size)
    length, packed, offset = _zip64(extra, length, packed, offset)
    if name.endswith("/"):
        return None
    kind = "unusable" if flags & 1 else _METHODS.get(method, "unusable")
    return Member(tidy(name), Slice(str(path), offset + shift, length, packed, kind, crc))


def _decoded(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:  # flagged as UTF-8 by a tool that wrote something else
        return name.decode("cp437")


def _zip64(extra: bytes, length: int, packed: int, offset: int) -> tuple[int, int, int]:
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        if tag == 1:
            numbers = iter(struct.unpack_from(f"<{size // 8}Q", extra, at + 4))
            length = next(numbers) if length == 0xFFFFFFFF else length
            packed = next(numbers) if packed == 0xFFFFFFFF else packed
            offset = next(numbers) if offset == 0xFFFFFFFF else offset
        at += 4 + size
    return length, packed, offset


def _tar_members(path: Path) -> Iterator[Member]:
    size = path.stat().st_size
    end = 0
    try:
        with tarfile.open(path, "r:") as tar:
            while (entry := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined] # tarfile keeps every header otherwise
                end = entry.offset_data + (entry.size if entry.isreg() else 0)
                if end > size:
                    break
                if entry.isreg():
                    name = tidy(_encodable(entry.name))
                    location = Slice(
                        str(path), entry.offset_data, entry.size, entry.size, "tar", None
                    )
                    yield Member(name, location)
    except tarfile.TarError as error:
        raise SourceError(
            f"{path}: cut short, or not a plain tar file ({error}); download it again"
        ) from error
    padded = -(-end // 512) * 512
    if end > size or not _ends_in_zeros(path, padded):
        raise SourceError(f"{path}: the tar file is cut short; download it again")


def _encodable(name: str) -> str:
    """Return a name whose bytes are not UTF-8 as Latin-1, which at least is text."""
    if name.isascii():
        return name
    return _decoded_tar(name.encode("utf-8", "surrogateescape"))


def _decoded_tar(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _ends_in_zeros(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(512)
    return len(block) == 512 and not any(block)
