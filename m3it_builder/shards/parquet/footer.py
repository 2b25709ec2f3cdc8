"""The end of a Parquet file: column indexes, offset indexes and ``FileMetaData``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from m3it_builder.shards.parquet.enums import BoundaryOrder, Encoding, PageType, Type
from m3it_builder.shards.parquet.pages import DataPage, Extent
from m3it_builder.shards.parquet.schema import ColumnDescriptor
from m3it_builder.shards.parquet.statistics import MinMax, merge
from m3it_builder.shards.parquet.thrift import (
    BINARY,
    FALSE,
    I32,
    I64,
    LIST,
    STRUCT,
    TRUE,
    binary,
    boolean,
    elements,
    i32,
    i64,
    integer,
    list_of,
    string,
    struct,
    template,
)
from m3it_builder.storage.output import Output

MAGIC = b"PAR1"
_VERSION = 2
_BOOLEANS = {True: bytes((TRUE,)), False: bytes((FALSE,))}  # as elements of a list
_NO_VALUES = MinMax(b"", b"")  # in the column index, for a page of nulls

# Statistics: null_count, max_value, min_value, is_max_value_exact, is_min_value_exact.
_statistics = {
    (max_exact, min_exact): template(
        {3: I64, 5: BINARY, 6: BINARY, 7: boolean(max_exact), 8: boolean(min_exact)}
    )
    for max_exact in (True, False)
    for min_exact in (True, False)
}
_statistics_of_nulls = template({3: I64})
# ColumnIndex: null_pages, min_values, max_values, boundary_order, null_counts.
_column_index = template({1: LIST, 2: LIST, 3: LIST, 4: I32, 5: LIST})
# PageLocation: offset, compressed_page_size, first_row_index.
_page_location = template({1: I64, 2: I32, 3: I64})
_offset_index = template({1: LIST})
# ColumnChunk: file_offset (deprecated, zero), meta_data, offset and length of the offset index,
# offset and length of the column index.
_column_chunk = template({2: i64(0), 3: STRUCT, 4: I64, 5: I32})
_column_chunk_with_column_index = template({2: i64(0), 3: STRUCT, 4: I64, 5: I32, 6: I64, 7: I32})
# RowGroup: columns, total_byte_size, num_rows, file_offset, total_compressed_size.
_row_group = template({1: LIST, 2: I64, 3: I64, 5: I64, 6: I64})

_Location = tuple[bytes, bytes]  # offset and length of an index, encoded


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """The pages of a column in one row group."""

    column: ColumnDescriptor
    pages: tuple[DataPage, ...]
    dictionary_page: Extent | None = None


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group; its chunks are in the order of the schema."""

    num_rows: int
    columns: tuple[ColumnChunk, ...]


@dataclass(frozen=True, slots=True)
class FileMetaData:
    """What the footer states about the file as a whole."""

    schema: Sequence[bytes]  # encoded SchemaElements
    num_columns: int  # leaves of the schema
    key_value_metadata: Mapping[str, str]
    created_by: str


def write_footer(output: Output, metadata: FileMetaData, row_groups: Sequence[RowGroup]) -> None:
    """Append both page indexes, ``FileMetaData`` and the end of the file."""
    chunks = [chunk for group in row_groups for chunk in group.columns]
    # All column indexes, then all offset indexes: readers fetch each kind with one request.
    locations = zip(
        list(_write_indexes(output, map(_encode_column_index, chunks))),
        list(_write_indexes(output, map(_encode_offset_index, chunks))),
        strict=True,
    )
    groups = [_encode_row_group(group, locations) for group in row_groups]
    pairs = metadata.key_value_metadata.items()
    key_values = [struct({1: string(key), 2: string(value)}) for key, value in pairs]
    type_order = struct({1: (STRUCT, struct({}))})  # min and max in the order of the type
    footer = struct(
        {
            1: i32(_VERSION),
            2: list_of(STRUCT, metadata.schema),
            3: i64(sum(group.num_rows for group in row_groups)),
            4: list_of(STRUCT, groups),
            5: list_of(STRUCT, key_values),
            6: string(metadata.created_by),
            7: list_of(STRUCT, [type_order] * metadata.num_columns),
        }
    )
    output.write_all((footer, len(footer).to_bytes(4, "little"), MAGIC))


def _write_indexes(output: Output, indexes: Iterable[bytes | None]) -> Iterator[_Location | None]:
    for index in indexes:
        if index is None:
            yield None
        else:
            yield integer(output.tell()), integer(output.write_all((index,)))


def _encode_row_group(
    group: RowGroup, locations: Iterator[tuple[_Location | None, _Location | None]]
) -> bytes:
    columns = []
    extents = []
    # `locations` covers the chunks of all row groups; each call takes those of its own.
    for chunk, (column_index, offset_index) in zip(group.columns, locations):  # noqa: B905
        meta_data, extent = _encode_column_meta_data(chunk)
        assert offset_index is not None  # noqa: S101 - every chunk has one
        if column_index:
            columns.append(_column_chunk_with_column_index(meta_data, *offset_index, *column_index))
        else:
            columns.append(_column_chunk(meta_data, *offset_index))
        extents.append(extent)
    return _row_group(
        elements(STRUCT, columns),
        integer(sum([extent.uncompressed_size for extent in extents])),
        integer(group.num_rows),
        integer(min([extent.offset for extent in extents])),
        integer(sum([extent.compressed_size for extent in extents])),
    )


def _encode_column_meta_data(chunk: ColumnChunk) -> tuple[bytes, Extent]:
    """Return ``ColumnMetaData``, and the extent of the chunk."""
    column, pages, dictionary_page = chunk.column, chunk.pages, chunk.dictionary_page
    data_page_offset = pages[0].extent.offset
    extents = [page.extent for page in pages]
    if dictionary_page:
        extents.append(dictionary_page)
    extent = Extent(
        dictionary_page.offset if dictionary_page else data_page_offset,
        sum([each.compressed_size for each in extents]),
        sum([each.uncompressed_size for each in extents]),
    )
    parameters = [
        integer(sum([page.levels.num_values for page in pages])),
        integer(extent.uncompressed_size),
        integer(extent.compressed_size),
        integer(data_page_offset),
    ]
    if dictionary_page:
        parameters.append(integer(dictionary_page.offset))
    if column.has_statistics:
        parameters.append(_encode_statistics(pages))
    return _column_meta_data(column, len(pages))(*parameters), extent


@lru_cache(256)
def _column_meta_data(column: ColumnDescriptor, num_pages: int) -> Callable[..., bytes]:
    """Return a template of ``ColumnMetaData`` for a column whose chunk has this many pages."""
    path = [binary(name.encode()) for name in column.path_in_schema]
    encoding = Encoding.RLE_DICTIONARY if column.has_dictionary else Encoding.PLAIN
    used = [(PageType.DATA_PAGE, encoding, num_pages)]
    if column.has_dictionary:
        used.insert(0, (PageType.DICTIONARY_PAGE, Encoding.PLAIN, 1))
    encoding_stats = [struct({1: i32(page), 2: i32(how), 3: i32(n)}) for page, how, n in used]
    encodings = dict.fromkeys((Encoding.RLE, Encoding.PLAIN, encoding))
    return template(
        {
            1: i32(Type.BYTE_ARRAY),
            2: list_of(I32, list(map(integer, encodings))),
            3: list_of(BINARY, path),
            4: i32(column.codec),
            5: I64,  # num_values
            6: I64,  # total_uncompressed_size
            7: I64,  # total_compressed_size
            9: I64,  # data_page_offset
            **({11: I64} if column.has_dictionary else {}),  # dictionary_page_offset
            **({12: STRUCT} if column.has_statistics else {}),
            13: list_of(STRUCT, encoding_stats),
        }
    )


def _encode_statistics(pages: Sequence[DataPage]) -> bytes:
    null_count = integer(sum([page.levels.null_count for page in pages]))
    bounds = [page.min_max for page in pages if page.min_max]
    if not bounds:
        return _statistics_of_nulls(null_count)
    merged = merge(bounds)
    encode = _statistics[merged.is_max_value_exact, merged.is_min_value_exact]
    return encode(null_count, binary(merged.max_value), binary(merged.min_value))


def _encode_column_index(chunk: ColumnChunk) -> bytes | None:
    """Return the min and max values of each page; None for a column without statistics."""
    if not chunk.column.has_statistics:
        return None
    pages = chunk.pages
    bounds = [page.min_max or _NO_VALUES for page in pages]
    null_pages = [page.levels.null_count == page.levels.num_values for page in pages]
    return _column_index(
        elements(TRUE, [_BOOLEANS[is_null_page] for is_null_page in null_pages]),
        elements(BINARY, [binary(each.min_value) for each in bounds]),
        elements(BINARY, [binary(each.max_value) for each in bounds]),
        integer(_boundary_order([page.min_max for page in pages if page.min_max])),
        elements(I64, [integer(page.levels.null_count) for page in pages]),
    )


def _boundary_order(bounds: Sequence[MinMax]) -> BoundaryOrder:
    pairs = list(pairwise(bounds))
    if all([a.min_value <= b.min_value and a.max_value <= b.max_value for a, b in pairs]):
        return BoundaryOrder.ASCENDING
    if all([a.min_value >= b.min_value and a.max_value >= b.max_value for a, b in pairs]):
        return BoundaryOrder.DESCENDING
    return BoundaryOrder.UNORDERED


def _encode_offset_index(chunk: ColumnChunk) -> bytes:
    locations = []
    first_row_index = 0
    for page in chunk.pages:
        offset, size = integer(page.extent.offset), integer(page.extent.compressed_size)
        locations.append(_page_location(offset, size, integer(first_row_index)))
        first_row_index += page.levels.num_rows
    return _offset_index(elements(STRUCT, locations))
