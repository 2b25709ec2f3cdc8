"""A file being written, its size and digest kept on the way, so that nothing is read again.

The digest is XXH3-128, which ``xxh128sum`` prints too: it costs a fifth of
BLAKE3 and finds damage as well. Against forgery stands the index, which holds
the BLAKE3 digest of every image and every text, and is itself hashed by
BLAKE3 (see ``docs/decisions/0012-two-kinds-of-digest.md``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from m3it_builder.storage.digest import hasher, named
from m3it_builder.storage.preallocate import reserve

_HELD = 1 << 20  # bytes
_ROOM = 16 << 20  # bytes, asked for at a time
_MOST_PIECES = 1_000  # of one call; the system takes 1,024


class Output:
    """A write-only binary file in the form that Arrow takes too."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._descriptor = self._file.fileno()
        self._digest = hasher("xxh3_128")
        self._pieces: list[bytes | memoryview] = []
        self._held = 0
        self._written = 0  # bytes
        self._room = 0  # bytes set aside on the disk
        self._asks = True  # for room
        self.size = 0  # bytes
        self.closed = False

    def write(self, data: bytes) -> int:
        """Append bytes; they are hashed at once, and written together with others."""
        if len(data) < _HELD:
            # What is no bytes may be a buffer that its owner uses again.
            return self.write_all((data if isinstance(data, bytes) else bytes(data),))
        self.flush()
        self._reserve(self.size + len(data))
        view = memoryview(data)
        for start in range(0, len(view), _HELD):  # a step stays in the processor's cache
            step = view[start : start + _HELD]
            self._digest.update(step)
            self._write((step,))
        self.size += len(view)
        return len(view)

    def write_all(self, pieces: Sequence[bytes]) -> int:
        """Append several pieces, as ``write`` does one after the other."""
        count = 0
        for piece in pieces:
            self._digest.update(piece)
            count += len(piece)
        self._pieces.extend(pieces)
        self._held += count
        self.size += count
        if self._held >= _HELD or len(self._pieces) >= _MOST_PIECES:
            self._reserve(self.size)
            self.flush()
        return count

    def tell(self) -> int:
        """Return the place the next byte goes to."""
        return self.size

    def flush(self) -> None:
        """Write what is held back."""
        pieces, self._pieces, self._held = self._pieces, [], 0
        for start in range(0, len(pieces), _MOST_PIECES):
            self._write(pieces[start : start + _MOST_PIECES])

    def close(self) -> None:
        """Write what is held back and close the file."""
        if self.closed:
            return
        self.closed = True
        with self._file:
            self.flush()
            self._give_back()

    def _reserve(self, size: int) -> None:
        if self._asks and size > self._room:
            more = max(_ROOM, size - self._room)
            self._asks = reserve(self._descriptor, self._room, more)
            self._room += more
            if not self._asks:
                self._give_back()  # a call that fails may have kept some of it

    def _give_back(self) -> None:
        if self._room > self._written:
            os.ftruncate(self._descriptor, self._written)
            self._room = 0

    @property
    def digest(self) -> str:
        """Return the digest of what was written."""
        return named("xxh3_128", self._digest)

    def _write(self, pieces: Sequence[bytes | memoryview]) -> None:
        left = list(pieces)
        while left:
            done = os.writev(self._descriptor, left)
            self._written += done
            while left and done >= len(left[0]):
                done -= len(left.pop(0))
            if left:
                left[0] = memoryview(left[0])[done:]
