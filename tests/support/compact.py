"""A reader of Thrift's compact protocol, for looking at Parquet files without a library."""

from __future__ import annotations

from typing import Any


def read_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """Return the fields of the struct that begins at ``at``, and where it ends."""
    reader = _Reader(data, at)
    return reader.struct(), reader.at


def read_footer(data: bytes) -> dict[int, Any]:
    """Return the footer of a Parquet file."""
    assert data[:4] == data[-4:] == b"PAR1"
    length = int.from_bytes(data[-8:-4], "little")
    footer, end = read_struct(data, len(data) - 8 - length)
    assert end == len(data) - 8
    return footer


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def struct(self) -> dict[int, Any]:
        found: dict[int, Any] = {}
        last = 0
        while head := self._byte():
            last = last + (head >> 4) if head >> 4 else self._signed()
            found[last] = self._value(head & 15)
        return found

    def _value(self, kind: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 8:
            count = self._varint()
            self.at += count
            return self.data[self.at - count : self.at]
        if kind == 9:
            return self._list()
        assert kind == 12, f"type {kind} has no place in our files"
        return self.struct()

    def _list(self) -> list[Any]:
        head = self._byte()
        count, kind = head >> 4, head & 15
        if count == 15:
            count = self._varint()
        if kind in (1, 2):
            return [self._byte() == 1 for _ in range(count)]
        return [self._value(kind) for _ in range(count)]

    def _signed(self) -> int:
        number = self._varint()
        return (number >> 1) ^ -(number & 1)

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]
