"""Pages of a Parquet file, decoded without the package or a Parquet library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tests.support.parquet_structs import IDL, read_struct


@dataclass(frozen=True)
class DecodedPage:
    """A page, its values with their offsets in the file where it is uncompressed."""

    header: Any  # PageHeader
    offset: int
    body: int  # offset behind the header
    end: int
    repetition: list[int]
    definition: list[int]
    values: list[bytes]
    value_offsets: list[int]  # of the length before each value, in the decompressed body
    max_definition_level: int = 0

    @property
    def uncompressed_size(self) -> int:
        """Return the size of header and body before compression."""
        return self.body - self.offset + int(self.header.uncompressed_page_size)

    @property
    def rows(self) -> list[list[bytes]]:
        """Return the values of each row; lists are nested one deep."""
        rows: list[list[bytes]] = []
        values = iter(self.values)
        starts = self.repetition or [0] * len(self.definition)
        for repetition, definition in zip(starts, self.definition, strict=True):
            if repetition == 0:
                rows.append([])
            if definition == self.max_definition_level:
                rows[-1].append(next(values))
        assert next(values, None) is None
        return rows


def read_page(data: bytes, offset: int, meta: Any, dictionary: Sequence[bytes] = ()) -> DecodedPage:
    """Return the page at an offset, in a chunk with this ``ColumnMetaData``."""
    header, body = read_struct(data, offset, "PageHeader")
    end = body + header.compressed_page_size
    content = data[body:end]
    if meta.codec == IDL.CompressionCodec.SNAPPY:
        content = pa.Codec("snappy").decompress(
            content, header.uncompressed_page_size, asbytes=True
        )
    assert len(content) == header.uncompressed_page_size
    if header.type == IDL.PageType.DICTIONARY_PAGE:
        assert header.data_page_header is None
        assert header.dictionary_page_header.encoding == IDL.Encoding.PLAIN
        values, offsets = _plain(content, 0)
        assert len(values) == header.dictionary_page_header.num_values
        return DecodedPage(header, offset, body, end, [], [], values, offsets)
    assert header.dictionary_page_header is None
    typed = header.data_page_header
    depth = len(meta.path_in_schema)
    position = 0
    repetition: list[int] = []
    if depth > 1:
        repetition, position = _levels(content, position, 1, typed.num_values)
    definition, position = _levels(content, position, depth, typed.num_values)
    if typed.encoding == IDL.Encoding.PLAIN:
        values, offsets = _plain(content, position)
    else:
        assert typed.encoding == IDL.Encoding.RLE_DICTIONARY
        count = sum(level == depth for level in definition)
        indexes = hybrid(content[position + 1 :], content[position], count)
        values, offsets = [dictionary[index] for index in indexes], []
    assert len(values) == sum(level == depth for level in definition)
    return DecodedPage(header, offset, body, end, repetition, definition, values, offsets, depth)


def _levels(content: bytes, position: int, max_level: int, count: int) -> tuple[list[int], int]:
    size = int.from_bytes(content[position : position + 4], "little")
    position += 4
    levels = hybrid(content[position : position + size], max_level.bit_length(), count)
    assert max(levels) <= max_level
    return levels, position + size


def _plain(content: bytes, position: int) -> tuple[list[bytes], list[int]]:
    values, offsets = [], []
    while position < len(content):
        size = int.from_bytes(content[position : position + 4], "little")
        offsets.append(position)
        values.append(content[position + 4 : position + 4 + size])
        position += 4 + size
    assert position == len(content), "values fill the page exactly"
    return values, offsets


def hybrid(data: bytes, bit_width: int, count: int) -> list[int]:
    """Return the numbers of an RLE and bit-packing hybrid, which fill the data exactly."""
    numbers: list[int] = []
    position = 0
    size = -(-bit_width // 8)
    while len(numbers) < count:
        header = shift = 0
        while True:
            header |= (data[position] & 0x7F) << shift
            shift += 7
            position += 1
            if data[position - 1] < 0x80:
                break
        if header & 1:
            packed = data[position : position + (header >> 1) * bit_width]
            assert len(packed) == (header >> 1) * bit_width
            numbers += _unpacked(packed, bit_width)
            position += len(packed)
        else:
            value = int.from_bytes(data[position : position + size], "little")
            numbers += [value] * (header >> 1)
            position += size
    assert position == len(data)
    assert all(number == 0 for number in numbers[count:]), "padding"
    return numbers[:count]


def _unpacked(packed: bytes, bit_width: int) -> Iterator[int]:
    bits = int.from_bytes(packed, "little")
    for n in range(len(packed) * 8 // bit_width):
        yield bits >> n * bit_width & (1 << bit_width) - 1
