"""Ranges read from the pages of a Parquet file are those of its images, for any writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from m3it_builder.verify.parquet_ranges import Range, image_ranges
from m3it_builder.verify.stored_row import ReadError
from tests.support.shards import (
    MANY_ROWS,
    arrow_table,
    rows_of,
    shrink_limits,
    typical_rows,
    with_files,
    write_shard,
)


def ranges_of(path: Path) -> list[Range | None]:
    with pq.ParquetFile(path) as file:
        return list(image_ranges(path, file))


def values(data: bytes) -> list[bytes]:
    images, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "little")
        images.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    return images


@with_files
@given(bodies=MANY_ROWS)
def test_ranges_of_our_writer(bodies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shrink_limits(monkeypatch)
    written = write_shard(tmp_path / "a.parquet", rows_of(bodies))
    assert ranges_of(tmp_path / "a.parquet") == list(written or ())


@with_files
@given(bodies=MANY_ROWS)
def test_ranges_of_another_writer(bodies: Any, tmp_path: Path) -> None:
    """pyarrow mixes RLE and bit-packed levels, and divides pages elsewhere."""
    rows = rows_of(bodies)
    write_plain(tmp_path / "a.parquet", arrow_table(rows))
    data = (tmp_path / "a.parquet").read_bytes()
    ranges = ranges_of(tmp_path / "a.parquet")
    assert len(ranges) == len(rows)
    for row, byte_range in zip(rows, ranges, strict=True):
        assert byte_range is not None
        offset, length = byte_range
        assert values(data[offset : offset + length]) == [image.data for image in row.images]


def write_plain(path: Path, table: pa.Table, **options: Any) -> None:
    plain = {"compression": "NONE", "use_dictionary": False}
    pq.write_table(table, path, **plain, data_page_size=100, row_group_size=9, **options)


def test_null_images_have_no_values(tmp_path: Path) -> None:
    table = arrow_table(typical_rows(4, 9))
    rows = [
        {**row, "images": [{"bytes": None, "path": None}, None, {"bytes": b"abc", "path": ""}]}
        for row in table.to_pylist()
    ]
    write_plain(tmp_path / "a.parquet", pa.Table.from_pylist(rows, table.schema))
    data = (tmp_path / "a.parquet").read_bytes()
    ranges = [span for span in ranges_of(tmp_path / "a.parquet") if span]
    assert [data[start : start + length] for start, length in ranges] == [b"\3\0\0\0abc"] * 4


@pytest.mark.parametrize(
    "options", [{"compression": "SNAPPY"}, {"use_dictionary": ["images.list.element.bytes"]}]
)
def test_images_that_are_not_plain_have_no_ranges(tmp_path: Path, options: Any) -> None:
    pq.write_table(arrow_table(typical_rows(4, 9)), tmp_path / "a.parquet", **options)
    assert ranges_of(tmp_path / "a.parquet") == [None] * 4


def test_malformed_pages_are_one_error(tmp_path: Path) -> None:
    rows = typical_rows(8, 50)
    write_plain(tmp_path / "v2.parquet", arrow_table(rows), data_page_version="2.0")
    with pytest.raises(ReadError, match="not a plain data page of version 1"):
        ranges_of(tmp_path / "v2.parquet")
    write_shard(tmp_path / "a.parquet", rows)
    data = (tmp_path / "a.parquet").read_bytes()
    start = ranges_of(tmp_path / "a.parquet")[0]
    assert start is not None
    for position in range(4, start[0] + 4):  # header, levels, and the first length
        for value in (0, 0x7F, 0xFF):
            damaged = data[:position] + bytes((value,)) + data[position + 1 :]
            (tmp_path / "a.parquet").write_bytes(damaged)
            try:
                assert len(ranges_of(tmp_path / "a.parquet")) == len(rows)
            except ReadError as error:
                assert error.check == "shard_unreadable"
