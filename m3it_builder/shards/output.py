"""A file being written, its size and digest kept on the way, so that nothing is read again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from blake3 import blake3

_BLOCK = 1 << 20


class Output:
    """A write-only binary file in the form that Arrow takes too."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._digest = blake3()
        self._pieces: list[bytes] = []
        self._held = 0
        self.size = 0  # bytes
        self.closed = False

    def write(self, data: bytes) -> int:
        """Append bytes; they are hashed and written in large blocks."""
        if len(data) >= _BLOCK:
            return self._write_large(memoryview(data))
        piece = data if isinstance(data, bytes) else bytes(data)
        self._pieces.append(piece)
        self._held += len(piece)
        self.size += len(piece)
        if self._held >= _BLOCK:
            self.flush()
        return len(piece)

    def write_all(self, pieces: Sequence[bytes]) -> int:
        """Append several pieces, as ``write`` does one after the other."""
        count = sum(map(len, pieces))
        self._pieces.extend(pieces)
        self._held += count
        self.size += count
        if self._held >= _BLOCK:
            self.flush()
        return count

    def tell(self) -> int:
        """Return the place the next byte goes to."""
        return self.size

    def flush(self) -> None:
        """Write what is held back."""
        block = memoryview(b"".join(self._pieces))
        self._pieces.clear()
        self._held = 0
        self._write_out(block)

    def _write_large(self, data: memoryview) -> int:
        """Append what needs no gathering, uncopied, in steps that stay in the processor's cache."""
        self.flush()
        self.size += len(data)
        for start in range(0, len(data), _BLOCK):
            self._write_out(data[start : start + _BLOCK])
        return len(data)

    def _write_out(self, block: memoryview) -> None:
        self._digest.update(block)
        while block:
            block = block[self._file.write(block) :]

    def close(self) -> None:
        """Write what is held back and close the file."""
        if self.closed:
            return
        self.closed = True
        with self._file:
            self.flush()

    @property
    def digest(self) -> str:
        """Return the BLAKE3 digest of what was written."""
        return self._digest.hexdigest()
