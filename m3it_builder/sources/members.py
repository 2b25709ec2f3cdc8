"""Read the members of an archive, and check that they are what its directory listed.

Formats: PKWARE APPNOTE 6.3 section 4.3.7 (local file header); POSIX ustar, whose header is
the 512 bytes before the data.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice
from m3it_builder.sources.base64_span import decode_span

TAR_BLOCK = 512  # bytes
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")

# Methods of members whose stored bytes are not their content, and what can be done.
UNUSABLE: Mapping[str, str] = {
    "encrypted": "is encrypted; unpack the archive beside it",
    "unsupported": "uses a compression method that cannot be read in place; "
    "unpack the archive beside it",
    "sparse": "is stored as a sparse file; run `m3it fetch SOURCE --repack`",
    "invalid": "has an impossible size or offset; the archive is corrupt, download it again",
}


class MemberError(SourceError):
    """One member of an archive cannot be read; the others may be well."""

    def __init__(self, location: Slice, detail: str) -> None:
        super().__init__(f"{location.path}: the member at byte {location.offset:,} {detail}")
        self.detail = detail  # without the path, which must not be published


def read_slice(location: Slice, descriptor: int | None = None) -> bytes:
    """Return the decompressed bytes of a member.

    Args:
        location: of the member.
        descriptor: an open file descriptor of ``location.path``; opened here if absent.

    Raises:
        MemberError: the member is unusable, truncated or corrupt, or not the one listed.
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
    """Raise ``MemberError`` for a member that cannot be read in place."""
    if reason := UNUSABLE.get(location.method):
        raise MemberError(location, reason)


def data_offset(location: Slice, descriptor: int) -> int:
    """Return the offset of a member's stored bytes, after checking its header.

    Raises:
        MemberError: the header is missing, or is not the one that was listed.
    """
    if location.method == "tar":
        _require_same_header(location, descriptor)
        return location.offset
    # A zip's local header must be read: its extra field may differ from the directory's.
    header = os.pread(descriptor, _LOCAL_HEADER.size, location.offset)
    if len(header) < _LOCAL_HEADER.size or header[:4] != b"PK\x03\x04":
        raise corrupt_member(location, "has no local header")
    *_, name_size, extra_size = _LOCAL_HEADER.unpack(header)
    return int(location.offset + _LOCAL_HEADER.size + name_size + extra_size)


def corrupt_member(location: Slice, detail: str) -> MemberError:
    """Return the error for a member that is not what the directory says."""
    return MemberError(location, f"{detail}; the archive is corrupt, download it again")


def _read_slice(location: Slice, descriptor: int) -> bytes:
    if location.method == "base64":
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


def _require_same_header(location: Slice, descriptor: int) -> None:
    """Compare the header before the data: name, size and times of the member are in it.

    A tar has no checksum of the data, so that another archive under the same name would
    yield the wrong bytes.
    """
    if location.header_crc is None:
        return
    header = os.pread(descriptor, TAR_BLOCK, location.offset - TAR_BLOCK)
    if zlib.crc32(header) != location.header_crc:
        raise corrupt_member(location, "has another header than when it was listed")


def _read_base64(location: Slice, descriptor: int) -> bytes:
    try:
        return decode_span(os.pread(descriptor, location.stored_length, location.offset))
    except ValueError as error:
        raise corrupt_member(location, f"is not base64 ({error})") from error
