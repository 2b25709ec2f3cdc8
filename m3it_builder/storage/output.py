"""A file being written; its size and digest are computed on the fly, so nothing is read again.

The digest is XXH3-128, which ``xxh128sum`` prints too: it costs a fifth of BLAKE3 and
detects corruption just as well. Tampering is detected through the index, which has the
BLAKE3 digest of every image and every text and a BLAKE3 digest of its own (see
``docs/decisions/0012-two-kinds-of-digest.md``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from m3it_builder.storage.digest import new_hasher, prefixed
from m3it_builder.storage.preallocate import preallocate

_BATCH_BYTES = 1 << 20
_PREALLOCATED_BYTES = 16 << 20  # at a time
_MAX_PIECES = 1_000  # of one writev call; IOV_MAX is 1,024 on Linux


class Output:
    """A write-only binary file, which Arrow accepts as a sink too.

    Small pieces are buffered and written together with one ``writev`` a megabyte: a system
    call for each piece would cost more than the copy, and joining the pieces first would
    copy every byte once more. A megabyte still fits the processor's cache.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._descriptor = self._file.fileno()
        self._hasher = new_hasher("xxh3_128")
        self._pieces: list[bytes | memoryview] = []  # buffered
        self._buffered = 0  # bytes
        self._written = 0  # bytes
        self._allocated = 0  # bytes on the disk
        self._preallocates = True
        self.size = 0  # bytes
        self.closed = False

    def write(self, data: bytes) -> int:
        """Append bytes; they are hashed now and may be written later."""
        if len(data) < _BATCH_BYTES:
            # Anything but bytes may be a buffer that its owner overwrites before the flush.
            return self.write_all((data if isinstance(data, bytes) else bytes(data),))
        self.flush()
        self._preallocate(self.size + len(data))
        view = memoryview(data)
        # Hash and write in turns: each block is written while it is still in the cache.
        for start in range(0, len(view), _BATCH_BYTES):
            block = view[start : start + _BATCH_BYTES]
            self._hasher.update(block)
            self._write((block,))
        self.size += len(view)
        return len(view)

    def write_all(self, pieces: Sequence[bytes]) -> int:
        """Append several pieces in order; return their total length."""
        length = 0
        for piece in pieces:
            self._hasher.update(piece)
            length += len(piece)
        self._pieces.extend(pieces)
        self._buffered += length
        self.size += length
        if self._buffered >= _BATCH_BYTES or len(self._pieces) >= _MAX_PIECES:
            self._preallocate(self.size)
            self.flush()
        return length

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self.size

    def flush(self) -> None:
        """Write the buffered pieces."""
        pieces, self._pieces, self._buffered = self._pieces, [], 0
        for start in range(0, len(pieces), _MAX_PIECES):
            self._write(pieces[start : start + _MAX_PIECES])

    def close(self) -> None:
        """Flush, release unused blocks and close the file."""
        if self.closed:
            return
        self.closed = True
        with self._file:
            self.flush()
            self._release_unused()

    @property
    def digest(self) -> str:
        """Return the digest of all bytes appended so far."""
        return prefixed("xxh3_128", self._hasher)

    def _preallocate(self, size: int) -> None:
        if self._preallocates and size > self._allocated:
            length = max(_PREALLOCATED_BYTES, size - self._allocated)
            self._preallocates = preallocate(self._descriptor, self._allocated, length)
            self._allocated += length
            if not self._preallocates:
                self._release_unused()  # a call that fails may have allocated some blocks

    def _release_unused(self) -> None:
        if self._allocated > self._written:
            os.ftruncate(self._descriptor, self._written)
            self._allocated = 0

    def _write(self, pieces: Sequence[bytes | memoryview]) -> None:
        remaining = list(pieces)
        while remaining:
            written = os.writev(self._descriptor, remaining)  # may be less than asked for
            self._written += written
            while remaining and written >= len(remaining[0]):
                written -= len(remaining.pop(0))
            if remaining:
                remaining[0] = memoryview(remaining[0])[written:]
