"""Members of archives as streams, decompressed while read: for annotation files of any size."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import BinaryIO

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice
from m3it_builder.sources.members import corrupt_member, data_offset, require_usable

_BLOCK = 1 << 20  # bytes
_BOMB_RATIO = 300  # genuine annotation JSON stays below 40
_BOMB_BYTES = 256 << 20


def is_decompression_bomb(length: int, stored_length: int) -> bool:
    """Return True if no genuine annotation file is compressed so well; lengths are in bytes."""
    return length > _BOMB_BYTES and length > stored_length * _BOMB_RATIO


def open_slice(location: Slice) -> BinaryIO:
    """Return a read-only binary stream over the decompressed bytes of a member.

    Raises:
        SourceError: the member is unusable, or its compression ratio is that of a
            decompression bomb; while reading: it is truncated or corrupt.
    """
    if is_decompression_bomb(location.length, location.stored_length):
        raise SourceError(
            f"{location.path}: a member of {location.stored_length:,} bytes claims to decompress "
            f"to {location.length:,}, which looks like a decompression bomb; "
            "download the file again"
        )
    require_usable(location)
    with Path(location.path).open("rb") as file:
        start = data_offset(location, file.fileno())
    return io.BufferedReader(_MemberStream(location, start), _BLOCK)


class _MemberStream(io.RawIOBase):
    """Decompresses a member block by block; checks length and CRC-32 at its end."""

    def __init__(self, location: Slice, start: int) -> None:
        self._location = location
        self._file = Path(location.path).open("rb")
        self._file.seek(start)
        self._stored_left = location.stored_length  # bytes
        self._left = location.length  # bytes
        self._crc = 0
        self._inflate = zlib.decompressobj(-15) if location.method == "deflated" else None

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._next(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        self._crc = zlib.crc32(data, self._crc)
        if not self._left and self._location.crc not in (None, self._crc):
            raise corrupt_member(self._location, "has a wrong CRC-32")
        return len(data)

    def _next(self, size: int) -> bytes:
        # An empty block is not the end: a decompressor may consume input without any output.
        while size:
            data = self._block(size)
            if data:
                return data
        return b""

    def _block(self, size: int) -> bytes:
        if self._inflate is None:
            return self._read_stored(size)
        stored = self._inflate.unconsumed_tail
        if not stored and self._stored_left:
            stored = self._read_stored(_BLOCK)
        try:
            # Also without input: the decompressor may have buffered output.
            data = self._inflate.decompress(stored, size)
            if not data and not stored:
                raise corrupt_member(self._location, "is truncated")
            return data
        except zlib.error as error:
            raise corrupt_member(self._location, f"cannot be decompressed ({error})") from error

    def _read_stored(self, size: int) -> bytes:
        data = self._file.read(min(size, self._stored_left))
        if not data:
            raise corrupt_member(self._location, "is truncated")
        self._stored_left -= len(data)
        return data
