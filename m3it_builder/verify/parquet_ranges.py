"""Byte ranges of the images in a Parquet file, read from its pages.

Independent of the writer and of the index: page headers, levels and value lengths are parsed
here, because pyarrow does not expose where values are.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from m3it_builder.verify.stored_row import ReadError, first_line

Range = tuple[int, int]  # offset, length

IMAGE_BYTES = "images.list.element.bytes"

_HEADER_BYTES = 16 << 10  # at most; a page header may have statistics of its values
_LENGTH_BYTES = 4
_DATA_PAGE = 0
_PLAIN = 0
_PARSE_ERRORS = (IndexError, KeyError, TypeError, ValueError)


def is_plain(column: Any) -> bool:
    """Return True if a column chunk has uncompressed values in PLAIN encoding."""
    is_encoded = column.has_dictionary_page or not {"PLAIN", "RLE"} >= set(column.encodings)
    return column.compression == "UNCOMPRESSED" and not is_encoded


def image_ranges(path: Path, file: pq.ParquetFile) -> Iterator[Range | None]:
    """Yield the range of each row's images: for each a 4-byte length and the bytes.

    A row without images has length 0, at the offset where its values would start. Rows of a
    row group whose images are not plain have None.

    Raises:
        ReadError: the pages are malformed.
    """
    paths = [file.schema.column(n).path for n in range(len(file.schema))]
    position = paths.index(IMAGE_BYTES)
    column = file.schema.column(position)
    levels = column.max_repetition_level, column.max_definition_level
    with path.open("rb") as source:
        for number in range(file.num_row_groups):
            group = file.metadata.row_group(number)
            chunk = group.column(position)
            if not is_plain(chunk):
                yield from [None] * group.num_rows
                continue
            try:
                ranges = list(_chunk_ranges(source, chunk, levels))
            except _PARSE_ERRORS as error:
                detail = f"row group {number}: malformed image pages, {first_line(error)}"
                raise ReadError("shard_unreadable", detail) from error
            if len(ranges) != group.num_rows:
                detail = f"row group {number}: {len(ranges)} rows of images, not {group.num_rows}"
                raise ReadError("shard_unreadable", detail)
            yield from ranges


def _chunk_ranges(source: BinaryIO, chunk: Any, levels: tuple[int, int]) -> Iterator[Range]:
    """Yield the ranges of a column chunk in row order."""
    offset = chunk.data_page_offset
    end = offset + chunk.total_compressed_size
    while offset < end:
        header, size = _read_struct(_read(source, offset, min(_HEADER_BYTES, end - offset)))
        body = offset + size
        page_type, page_size = header[1], header[3]
        if page_type != _DATA_PAGE or header[5][2] != _PLAIN:
            raise ValueError("not a plain data page of version 1")
        num_values = header[5][1]
        # Checked first, so that a corrupt number costs neither memory nor an endless loop.
        if not (0 <= page_size <= end - body and 0 <= num_values <= chunk.num_values):
            raise ValueError("a page is larger than its column chunk")
        offset = body + page_size
        yield from _page_ranges(source, (body, offset), num_values, levels)


def _page_ranges(
    source: BinaryIO, body: Range, num_values: int, max_levels: tuple[int, int]
) -> Iterator[Range]:
    """Yield the range of each row of a page, given where its body starts and ends."""
    position, end = body
    levels = []
    for max_level in max_levels:
        length = int.from_bytes(_read(source, position, _LENGTH_BYTES), "little")
        if length > end - position:
            raise ValueError("levels are larger than their page")
        encoded = _read(source, position + _LENGTH_BYTES, length)
        levels.append(_decode_levels(encoded, max_level.bit_length(), num_values))
        position += _LENGTH_BYTES + length
    start = None
    for repetition, definition in zip(*levels, strict=True):
        if repetition == 0:
            if start is not None:
                yield start, position - start
            start = position
        if definition == max_levels[1]:
            length = int.from_bytes(_read(source, position, _LENGTH_BYTES), "little")
            position += _LENGTH_BYTES + length
    if start is None or position != end:
        raise ValueError("values do not fill the page")
    yield start, position - start


def _read(source: BinaryIO, offset: int, length: int) -> bytes:
    source.seek(offset)
    data = source.read(length)
    if len(data) != length:
        raise ValueError("the file ends inside a page")
    return data


def _decode_levels(data: bytes, bit_width: int, count: int) -> list[int]:
    """Decode the hybrid of RLE and bit-packed runs."""
    levels: list[int] = []
    position = 0
    while len(levels) < count:
        header, position = _varint(data, position)
        groups = header >> 1 if header & 1 else 0  # of eight bit-packed values
        length = groups * bit_width if groups else -(-bit_width // 8)
        if position + length > len(data):
            raise ValueError("levels end early")
        number = int.from_bytes(data[position : position + length], "little")
        position += length
        if groups:
            mask = (1 << bit_width) - 1
            levels += [number >> n * bit_width & mask for n in range(groups * 8)]
        else:
            levels += [number] * min(header >> 1, count - len(levels))
    return levels[:count]


def _read_struct(data: bytes) -> tuple[dict[int, Any], int]:
    """Return the fields of a struct in Thrift's compact protocol, and its size."""
    return _struct(data, 0)


def _struct(data: bytes, position: int) -> tuple[dict[int, Any], int]:
    fields: dict[int, Any] = {}
    field_id = 0
    while header := data[position]:
        position += 1
        if header >> 4:
            field_id += header >> 4
        else:
            field_id, position = _zigzag(data, position)
        fields[field_id], position = _value(data, position, header & 15)
    return fields, position + 1


def _value(data: bytes, position: int, type_code: int) -> tuple[Any, int]:
    if type_code in (1, 2):  # a boolean is its type code
        return type_code == 1, position
    if type_code in (4, 5, 6):  # integers
        return _zigzag(data, position)
    if type_code == 8:  # bytes
        length, position = _varint(data, position)
        return data[position : position + length], position + length
    if type_code == 12:
        return _struct(data, position)
    raise ValueError(f"type code {type_code} in a page header")


def _zigzag(data: bytes, position: int) -> tuple[int, int]:
    number, position = _varint(data, position)
    return (number >> 1) ^ -(number & 1), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, position
