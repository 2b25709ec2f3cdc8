"""Members of archives as streams, unpacked as they are read: for annotation files of any size."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import BinaryIO

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice
from m3it_builder.sources.archives import damaged, data_offset, require_usable

_BLOCK = 1 << 20
_BOMB_RATIO = 300  # genuine annotation JSON stays below 40
_BOMB_BYTES = 256 << 20


def open_slice(location: Slice) -> BinaryIO:
    """Return a read-only binary stream over a member, unpacked as it is read.

    Raises:
        SourceError: the member claims to unpack to far more than text ever does.
    """
    if location.length > _BOMB_BYTES and location.length > location.packed * _BOMB_RATIO:
        raise SourceError(
            f"{location.path}: a member of {location.packed:,} bytes claims to unpack to "
            f"{location.length:,}, which looks like a decompression bomb; download the file again"
        )
    require_usable(location)
    start = location.offset
    if location.method != "tar":
        with Path(location.path).open("rb") as file:
            start = data_offset(location, file.fileno())
    return io.BufferedReader(_MemberStream(location, start), _BLOCK)


class _MemberStream(io.RawIOBase):
    """Unpacks a member piece by piece and checks length and checksum at its end."""

    def __init__(self, location: Slice, start: int) -> None:
        self._place = location
        self._file = Path(location.path).open("rb")
        self._file.seek(start)
        self._packed_left = location.packed
        self._left = location.length
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
        if not self._left and self._place.crc not in (None, self._crc):
            raise damaged(self._place, "fails its checksum")
        return len(data)

    def _next(self, size: int) -> bytes:
        while size:
            data = self._piece(size)
            if data:
                return data
        return b""

    def _piece(self, size: int) -> bytes:
        if self._inflate is None:
            return self._raw(size)
        packed = self._inflate.unconsumed_tail
        if not packed and self._packed_left:
            packed = self._raw(_BLOCK)
        try:
            # With all input taken in, the decompressor may still hold output back.
            data = self._inflate.decompress(packed, size)
            if not data and not packed:
                raise damaged(self._place, "ends early")
            return data
        except zlib.error as error:
            raise damaged(self._place, f"does not unpack ({error})") from error

    def _raw(self, size: int) -> bytes:
        data = self._file.read(min(size, self._packed_left))
        if not data:
            raise damaged(self._place, "ends early")
        self._packed_left -= len(data)
        return data
