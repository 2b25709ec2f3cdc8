"""Python values on a pipe between a process and its worker: a length, then a pickle."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

_LENGTH_BYTES = 8
_ORDER: Literal["little"] = "little"


def encode(value: Any) -> bytes:
    """Return a value as one message."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(_LENGTH_BYTES, _ORDER) + data


def read_message(stream: BinaryIO) -> bytes | None:
    """Return the pickle of the next message, or None at the end of the stream."""
    length = stream.read(_LENGTH_BYTES)
    if len(length) < _LENGTH_BYTES:
        return None
    return stream.read(int.from_bytes(length, _ORDER))


class MessageBuffer:
    """Assembles messages from blocks of bytes as they arrive."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, block: bytes) -> Iterator[Any]:
        """Append a block, and yield the values that are complete now."""
        self._data += block
        while len(self._data) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._data[:_LENGTH_BYTES], _ORDER)
            if len(self._data) < end:
                return
            message = bytes(self._data[_LENGTH_BYTES:end])
            del self._data[:end]
            yield pickle.loads(message)  # noqa: S301 - from a process of this program
