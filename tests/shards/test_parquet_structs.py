"""Every byte of a Parquet shard: Thrift structs, pages, levels, values and indexes.

The files are read without the package and without a Parquet library, against the
declarations in ``tests/support/parquet.thrift``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from m3it_builder.shards.formats import TEXT_COLUMNS
from m3it_builder.shards.parquet import enums
from tests.shards import golden
from tests.support.parquet_pages import DecodedPage, read_page
from tests.support.parquet_structs import IDL, MAGIC, ConformanceError, read_footer, read_struct
from tests.support.shards import (
    ENCODINGS,
    LAST,
    MANY_ROWS,
    arrow_table,
    rows_of,
    typical_rows,
    with_files,
    write_parquet,
)

DICTIONARY_COLUMNS = {"task", "split", "lang", "instruction", "license", "image_license"}


@with_files
@given(bodies=MANY_ROWS, encoding=ENCODINGS)
def test_every_struct_follows_its_declaration(
    bodies: Any, encoding: Any, tmp_path: Path, small: None
) -> None:
    rows = rows_of(bodies)
    path = write_parquet(tmp_path / "a.parquet", rows, encoding)
    check_file(path.read_bytes(), arrow_table(rows, encoding))


@pytest.mark.parametrize("encoding", ["bytes", "base64"])
def test_files_of_real_size(tmp_path: Path, encoding: Any) -> None:
    rows = typical_rows(200, 60_000)
    path = write_parquet(tmp_path / "a.parquet", rows, encoding)
    check_file(path.read_bytes(), arrow_table(rows, encoding))


@pytest.mark.parametrize("name", golden.CASES)
def test_golden_files(name: str) -> None:
    case = golden.CASES[name]
    check_file(golden.path(name).read_bytes(), arrow_table(case.rows, case.encoding))


def test_declared_enums_are_those_of_the_writer() -> None:
    for enum in IntEnum.__subclasses__():
        if enum.__module__ == enums.__name__:
            declared = getattr(IDL, enum.__name__)._NAMES_TO_VALUES
            assert {key: int(value) for key, value in enum.__members__.items()} == declared


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x15\x00\x15\x02\x15\x02\x15\x00\x00", "undeclared 4"),
        (b"\x16\x00\x15\x02\x15\x02\x00", r"PageHeader.type at 0: type code 6"),
        (b"\x15\x00\x15\x02\x00", r"no \['compressed_page_size'\]"),
        (b"\x15\x0e\x15\x02\x15\x02\x00", "7 is not a PageType"),
        (b"\x15\x00\x05\x02\x00\x00", "field 1 twice"),
        (b"\x15\x00\x15\x80\x80\x80\x80\x20\x15\x02\x00", "is no i32"),
        (b"\x15\x00\x15\x82\x00\x15\x02\x00", "longer than needed"),
        (b"\x15\x00\x15\x02\x15", "ends behind the file"),
        (b"\x15\x00\x15\x02\x15\x02\x4c\x11\x00\x00", "type code 1"),
    ],
)
def test_strict_reader_rejects(data: bytes, message: str) -> None:
    with pytest.raises(ConformanceError, match=message):
        read_struct(data, 0, "PageHeader")


def check_file(data: bytes, table: pa.Table) -> None:
    """Check all of a file that has the rows of this table."""
    footer = read_footer(data)
    assert footer.version == 2
    assert footer.num_rows == table.num_rows
    assert re.fullmatch(r"m3it_builder version [0-9a-z.]+", footer.created_by)
    paths = _check_schema(footer, table.schema)
    used = [(0, len(MAGIC))]
    start = 0
    for group in footer.row_groups:
        used += _check_row_group(data, group, table.slice(start, group.num_rows), paths)
        start += group.num_rows
    assert start == table.num_rows
    used.sort()
    for (_, end), (offset, _) in pairwise(used):
        assert end == offset, "pages and indexes have no gaps or overlaps"
    length = int.from_bytes(data[-8:-4], "little")
    assert used[-1][1] == len(data) - 8 - length, "the footer is behind the last index"


def _check_schema(footer: Any, schema: pa.Schema) -> list[list[str]]:
    """Check the schema and what describes it; return the paths of the leaves."""
    elements = iter(footer.schema)
    root = next(elements)
    assert (root.type, root.repetition_type, root.num_children) == (None, 0, len(schema))
    leaves = [leaf for _ in range(root.num_children) for leaf in _leaves(elements, [])]
    assert next(elements, None) is None
    image_leaves = (
        [["images", "list", "element", name] for name in ("bytes", "path")]
        if "images" in schema.names
        else [["image_base64_str", "list", "element"]]
    )
    assert leaves == [*image_leaves, *([name] for name in TEXT_COLUMNS)]
    assert [order.TYPE_ORDER is not None for order in footer.column_orders] == [True] * len(leaves)
    pairs = {pair.key: pair.value for pair in footer.key_value_metadata}
    assert set(pairs) == {"huggingface", "ARROW:schema"}
    assert set(json.loads(pairs["huggingface"])["info"]["features"]) == set(schema.names)
    return leaves


def _leaves(elements: Iterator[Any], parents: list[str]) -> Iterator[list[str]]:
    element = next(elements)
    path = [*parents, element.name]
    if element.num_children is None:
        assert element.type == IDL.Type.BYTE_ARRAY
        assert element.repetition_type == IDL.FieldRepetitionType.OPTIONAL
        is_text = element.name != "bytes"
        assert element.converted_type == (IDL.ConvertedType.UTF8 if is_text else None)
        assert (element.logicalType is not None) == is_text
        assert not is_text or element.logicalType.STRING is not None
        yield path
        return
    assert element.type is None
    is_list = element.converted_type == IDL.ConvertedType.LIST
    assert is_list == (element.logicalType is not None)
    assert (element.repetition_type == IDL.FieldRepetitionType.REPEATED) == (path[1:] == ["list"])
    for _ in range(element.num_children):
        yield from _leaves(elements, path)


def _check_row_group(
    data: bytes, group: Any, table: pa.Table, paths: list[list[str]]
) -> Iterator[tuple[int, int]]:
    metas = [chunk.meta_data for chunk in group.columns]
    assert [meta.path_in_schema for meta in metas] == paths
    assert group.total_byte_size == sum(meta.total_uncompressed_size for meta in metas)
    assert group.total_compressed_size == sum(meta.total_compressed_size for meta in metas)
    starts = [_start(meta) for meta in metas]
    assert starts == sorted(starts), "chunks are in the order of the schema"
    assert group.file_offset == starts[0], "which Spark takes for that of the row group"
    for chunk in group.columns:
        yield from _check_chunk(data, chunk, _values(table, chunk.meta_data.path_in_schema))


def _start(meta: Any) -> int:
    return int(meta.dictionary_page_offset or meta.data_page_offset)


def _check_chunk(data: bytes, chunk: Any, rows: list[list[bytes]]) -> Iterator[tuple[int, int]]:
    """Check a chunk with these values in each row; yield the parts of the file it uses."""
    meta = chunk.meta_data
    name = meta.path_in_schema[0]
    assert (meta.dictionary_page_offset is not None) == (name in DICTIONARY_COLUMNS)
    is_image = meta.path_in_schema[-1] == "bytes"
    assert meta.codec == (
        IDL.CompressionCodec.UNCOMPRESSED if is_image else IDL.CompressionCodec.SNAPPY
    )
    pages = _read_pages(data, meta)
    data_pages = pages[1:] if meta.dictionary_page_offset is not None else pages
    assert [row for page in data_pages for row in page.rows] == rows
    used = Counter((page.header.type, _encoding(page.header)) for page in pages)
    assert {(s.page_type, s.encoding): s.count for s in meta.encoding_stats} == dict(used)
    assert set(meta.encodings) == {IDL.Encoding.RLE, *(encoding for _, encoding in used)}
    assert meta.num_values == sum(page.header.data_page_header.num_values for page in data_pages)
    assert meta.total_uncompressed_size == sum(page.uncompressed_size for page in pages)
    assert data_pages[0].offset == meta.data_page_offset
    _check_statistics(meta, rows)
    yield pages[0].offset, pages[-1].end
    yield from _check_indexes(data, chunk, data_pages)


def _read_pages(data: bytes, meta: Any) -> list[DecodedPage]:
    pages: list[DecodedPage] = []
    offset = _start(meta)
    while offset < _start(meta) + meta.total_compressed_size:
        dictionary = pages[0].values if pages and meta.dictionary_page_offset is not None else ()
        pages.append(read_page(data, offset, meta, dictionary))
        offset = pages[-1].end
    assert offset == _start(meta) + meta.total_compressed_size
    kinds = [page.header.type for page in pages]
    expected = [IDL.PageType.DATA_PAGE] * len(pages)
    if meta.dictionary_page_offset is not None:
        expected[0] = IDL.PageType.DICTIONARY_PAGE
        assert len(set(pages[0].values)) == len(pages[0].values)
    assert kinds == expected
    return pages


def _encoding(header: Any) -> int:
    return int((header.data_page_header or header.dictionary_page_header).encoding)


def _check_indexes(
    data: bytes, chunk: Any, pages: Sequence[DecodedPage]
) -> Iterator[tuple[int, int]]:
    assert chunk.file_offset == 0
    offset_index, end = read_struct(data, chunk.offset_index_offset, "OffsetIndex")
    assert end == chunk.offset_index_offset + chunk.offset_index_length
    yield chunk.offset_index_offset, end
    first_rows = [0]
    for page in pages:
        first_rows.append(first_rows[-1] + len(page.rows))
    expected = [
        (page.offset, page.end - page.offset, first)
        for page, first in zip(pages, first_rows, strict=False)
    ]
    locations = offset_index.page_locations
    assert [
        (page.offset, page.compressed_page_size, page.first_row_index) for page in locations
    ] == expected
    assert (chunk.column_index_offset is not None) == (chunk.meta_data.statistics is not None)
    if chunk.column_index_offset is not None:
        column_index, end = read_struct(data, chunk.column_index_offset, "ColumnIndex")
        assert end == chunk.column_index_offset + chunk.column_index_length
        yield chunk.column_index_offset, end
        _check_column_index(column_index, pages)


def _check_column_index(index: Any, pages: Sequence[DecodedPage]) -> None:
    assert index.null_pages == [not page.values for page in pages]
    assert index.null_counts == [
        page.header.data_page_header.num_values - sum(map(len, page.rows)) for page in pages
    ]
    bounds = list(zip(index.min_values, index.max_values, strict=True))
    assert len(bounds) == len(pages)
    present = []
    for page, (low, high) in zip(pages, bounds, strict=True):
        values = [value for row in page.rows for value in row]
        if values:
            _check_bounds(low, high, values)
            present.append((low, high))
        else:
            assert (low, high) == (b"", b"")
    for column in (0, 1):
        values = [pair[column] for pair in present]
        if index.boundary_order == IDL.BoundaryOrder.ASCENDING:
            assert values == sorted(values)
        if index.boundary_order == IDL.BoundaryOrder.DESCENDING:
            assert values == sorted(values, reverse=True)


def _check_statistics(meta: Any, rows: list[list[bytes]]) -> None:
    values = [value for row in rows for value in row]
    statistics = meta.statistics
    if meta.path_in_schema[-1] in ("bytes", "element"):
        assert statistics is None
        return
    assert statistics.null_count == sum(not row for row in rows)
    assert (statistics.min_value is not None) == bool(values)
    if not values:
        assert statistics.is_min_value_exact is statistics.is_max_value_exact is None
        return
    _check_bounds(statistics.min_value, statistics.max_value, values)
    is_exact = statistics.min_value == min(values), statistics.max_value == max(values)
    stated = statistics.is_min_value_exact, statistics.is_max_value_exact
    assert stated == is_exact or max(map(len, values)) > 256
    assert is_exact[0] or not stated[0]
    assert is_exact[1] or not stated[1]


def _check_bounds(low: bytes, high: bytes, values: Sequence[bytes]) -> None:
    """Bounds are true, short, in whole characters, and exact where texts are short."""
    assert low <= min(values)
    assert high >= max(values)
    for bound, value in ((low, min(values)), (high, max(values))):
        bound.decode()  # raises where a character is cut
        assert len(bound) <= 260 or (bound == value and bound.startswith(LAST.encode()))
        assert bound == value or len(value) > 256


def _values(table: pa.Table, path: Sequence[str]) -> list[list[bytes]]:
    """Return the values of a leaf, row by row."""
    column = table[path[0]].to_pylist()
    if len(path) == 1:
        return [[value.encode()] for value in column]
    if len(path) == 3:
        return [[value.encode() for value in row] for row in column]
    if path[3] == "bytes":
        return [[value["bytes"] for value in row] for row in column]
    return [[value["path"].encode() for value in row] for row in column]
