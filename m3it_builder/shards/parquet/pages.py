"""Data pages and dictionary pages: a header, levels, and values that are written uncopied.

PLAIN encoding of byte arrays is each value with its length before it, so images go to the
file as they were read. Data pages are of version 1, their levels RLE-encoded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct

import pyarrow as pa

from m3it_builder.errors import BuildError
from m3it_builder.shards.parquet.enums import CompressionCodec, Encoding, PageType
from m3it_builder.shards.parquet.schema import ColumnDescriptor
from m3it_builder.shards.parquet.statistics import MinMax, min_max
from m3it_builder.shards.parquet.thrift import I32, STRUCT, boolean, i32, integer, template, varint
from m3it_builder.storage.output import Output

PAGE_BYTES = 1 << 20  # a page ends with the row that reaches this size
LENGTH_BYTES = 4  # before each value in PLAIN encoding
MAX_PAGE_BYTES = (1 << 31) - 1  # sizes in a page header are i32

_MAX_HEADER_BYTES = 64
_SMALL = 4096  # bytes; pieces smaller than this are cheaper joined than written one by one
_LENGTH = Struct("<I")
_RUN = re.compile(rb"(.)\1*", re.DOTALL)
_SNAPPY = pa.Codec("snappy")

# PageHeader: type, uncompressed_page_size, compressed_page_size, and the header of that type.
_data_page = template({1: i32(PageType.DATA_PAGE), 2: I32, 3: I32, 5: STRUCT})
_dictionary_page = template({1: i32(PageType.DICTIONARY_PAGE), 2: I32, 3: I32, 7: STRUCT})
# DataPageHeader: num_values, encoding, definition_level_encoding, repetition_level_encoding.
_data_page_header = template({1: I32, 2: I32, 3: i32(Encoding.RLE), 4: i32(Encoding.RLE)})
# DictionaryPageHeader: num_values, encoding, is_sorted.
_dictionary_page_header = template({1: I32, 2: i32(Encoding.PLAIN), 3: boolean(False)})


@dataclass(frozen=True, slots=True)
class Levels:
    """Repetition and definition levels of a page, encoded."""

    num_rows: int
    num_values: int  # nulls included
    null_count: int  # an empty list counts as a null
    encoded: bytes


@dataclass(frozen=True, slots=True)
class Values:
    """Encoded values of a page, as consecutive pieces."""

    pieces: Sequence[bytes]
    min_max: MinMax | None = None  # None without values, and for columns without statistics
    encoding: Encoding = Encoding.PLAIN


@dataclass(frozen=True, slots=True)
class Extent:
    """Where a page or column chunk is in the file; sizes include page headers."""

    offset: int
    compressed_size: int
    uncompressed_size: int

    @property
    def end(self) -> int:
        """Return the offset of the next byte."""
        return self.offset + self.compressed_size


@dataclass(frozen=True, slots=True)
class DataPage:
    """A data page that was written."""

    extent: Extent
    levels: Levels
    min_max: MinMax | None


@lru_cache(64)
def flat_levels(num_rows: int) -> Levels:
    """Return the levels of a column with one value per row."""
    # An optional column has no repetition levels; its definition levels are one run of ones.
    return Levels(num_rows, num_rows, 0, _with_length(varint(num_rows << 1) + b"\1"))


@lru_cache(8)  # pages of one image per row have the same levels; others are long, and rarely recur
def list_levels(counts: tuple[int, ...], max_definition_level: int) -> Levels:
    """Return the levels of a list column.

    Args:
        counts: number of values of each row; zero is an empty list, not a null.
        max_definition_level: the definition level of a value.
    """
    present = bytes((max_definition_level,))
    levels = {n: (b"\0" + b"\1" * (n - 1), present * n or b"\1") for n in set(counts)}
    repetition = b"".join([levels[count][0] for count in counts])
    definition = b"".join([levels[count][1] for count in counts])
    encoded = _with_length(_runs(repetition)) + _with_length(_runs(definition))
    return Levels(len(counts), len(definition), len(definition) - sum(counts), encoded)


def plain_values(column: ColumnDescriptor, values: Sequence[bytes]) -> Values:
    """Return values in PLAIN encoding, uncopied.

    Raises:
        BuildError: they do not fit into a page.
    """
    sizes = list(map(len, values))
    _require_fits(column, sum(sizes))
    pieces = [b""] * (2 * len(values))
    pieces[::2] = map(_LENGTH.pack, sizes)
    pieces[1::2] = values
    return Values(pieces, min_max(values) if column.has_statistics else None)


def dictionary_values(values: Sequence[str]) -> tuple[list[bytes], Values]:
    """Return the entries of a dictionary, and the values as indexes into it."""
    indexes = {value: index for index, value in enumerate(dict.fromkeys(values))}
    entries = list(map(str.encode, indexes))
    numbers = list(map(indexes.__getitem__, values))
    # A bit width of whole bytes: indexes are then packed without shifting bits.
    width = -(-(len(entries) - 1).bit_length() // 8) or 1
    if len(entries) == 1:
        run = varint(len(numbers) << 1) + b"\0"
    else:
        groups = -(-len(numbers) // 8)  # a bit-packed run counts groups of eight values
        run = varint(groups << 1 | 1) + _bit_packed(numbers, width).ljust(groups * 8 * width, b"\0")
    pieces = (bytes((width * 8,)), run)
    return entries, Values(pieces, min_max(entries), Encoding.RLE_DICTIONARY)


def write_data_page(
    output: Output, column: ColumnDescriptor, levels: Levels, values: Values
) -> DataPage:
    """Append a data page to the file.

    Raises:
        BuildError: it would be larger than a page can be.
    """
    header = _data_page_header(integer(levels.num_values), integer(values.encoding))
    extent = _write_page(output, column, (_data_page, header), (levels.encoded, *values.pieces))
    return DataPage(extent, levels, values.min_max)


def write_dictionary_page(
    output: Output, column: ColumnDescriptor, entries: Sequence[bytes]
) -> Extent:
    """Append a dictionary page to the file."""
    header = _dictionary_page_header(integer(len(entries)))
    pieces = plain_values(column, entries).pieces
    return _write_page(output, column, (_dictionary_page, header), pieces)


def _write_page(
    output: Output,
    column: ColumnDescriptor,
    header: tuple[Callable[..., bytes], bytes],
    pieces: Sequence[bytes],
) -> Extent:
    uncompressed = sum(map(len, pieces))
    _require_fits(column, uncompressed)
    if column.codec is CompressionCodec.SNAPPY:
        pieces = (_SNAPPY.compress(b"".join(pieces), asbytes=True),)
    elif uncompressed < len(pieces) * _SMALL:
        pieces = (b"".join(pieces),)
    compressed = sum(map(len, pieces))
    _require_fits(column, compressed)  # incompressible data grows
    page_header, typed_header = header
    head = page_header(integer(uncompressed), integer(compressed), typed_header)
    offset = output.tell()
    output.write_all((head, *pieces))
    return Extent(offset, len(head) + compressed, len(head) + uncompressed)


def _require_fits(column: ColumnDescriptor, size: int) -> None:
    if size > MAX_PAGE_BYTES - _MAX_HEADER_BYTES:
        raise BuildError(
            f"a row has {size:,} bytes in column {column.path_in_schema[0]}, more than a Parquet "
            f"page can hold ({MAX_PAGE_BYTES:,}); give it fewer or smaller images, or build "
            "another format"
        )


def _runs(levels: bytes) -> bytes:
    """Return levels, one per byte, as RLE runs: the length of a run, then its level."""
    runs = [run.group() for run in _RUN.finditer(levels)]
    return b"".join([varint(len(run) << 1) + run[:1] for run in runs])


def _bit_packed(numbers: Sequence[int], width: int) -> bytes:
    if width == 1:
        return bytes(numbers)
    return b"".join([number.to_bytes(width, "little") for number in numbers])


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(LENGTH_BYTES, "little") + data
