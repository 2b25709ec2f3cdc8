"""One read of a row's byte range gives its images, in every format that has ranges."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.shards.formats import FORMATS, ImageEncoding, RowRanges, ShardRow
from m3it_builder.shards.parquet.pages import PAGE_BYTES
from tests.support.parquet_pages import read_page
from tests.support.parquet_structs import read_footer
from tests.support.shards import (
    ENCODINGS,
    MANY_ROWS,
    rows_of,
    typical_rows,
    with_files,
    write_shard,
)


@with_files
@given(bodies=MANY_ROWS, encoding=ENCODINGS, name=st.sampled_from(list(FORMATS)))
def test_ranges_hold_the_images(
    bodies: Any, encoding: Any, name: str, tmp_path: Path, small: None
) -> None:
    rows = rows_of(bodies)
    ranges = write_shard(tmp_path / "shard", rows, encoding, name)
    assert (ranges is not None) == FORMATS[name].has_offsets(encoding)
    if ranges is None:
        return
    assert len(ranges) == len(rows)
    data = (tmp_path / "shard").read_bytes()
    for (offset, length), row in zip(ranges, rows, strict=True):
        assert 0 <= offset <= offset + length <= len(data)
        images = READ[name](data[offset : offset + length])
        assert images == [image.data for image in row.images]
    for (offset, length), (following, _) in pairwise(ranges):
        assert offset + length <= following, "in row order, without overlaps"


def _read_tar(data: bytes) -> list[bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        first, *images = [file.read() for member in tar if (file := tar.extractfile(member))]
    texts = json.loads(first)
    return images if "mimes" in texts else _decoded(texts)


def _read_line(data: bytes) -> list[bytes]:
    assert data.count(b"\n") == 1
    return _decoded(json.loads(data))


def _decoded(texts: dict[str, Any]) -> list[bytes]:
    return [pybase64.b64decode(text, validate=True) for text in texts["image_base64_str"]]


def _read_plain(data: bytes) -> list[bytes]:
    images, position = [], 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "little")
        images.append(data[position + 4 : position + 4 + size])
        position += 4 + size
    assert position == len(data)
    return images


READ = {"webdataset": _read_tar, "jsonl": _read_line, "parquet": _read_plain}


@with_files
@given(bodies=MANY_ROWS)
def test_parquet_ranges_are_those_of_the_pages(bodies: Any, tmp_path: Path, small: None) -> None:
    rows = rows_of(bodies)
    ranges = write_shard(tmp_path / "a.parquet", rows)
    assert list(ranges or ()) == parquet_ranges((tmp_path / "a.parquet").read_bytes())


def test_parquet_ranges_at_real_page_size(tmp_path: Path) -> None:
    rows = typical_rows(300, 60_000)
    ranges = write_shard(tmp_path / "a.parquet", rows)
    assert list(ranges or ()) == parquet_ranges((tmp_path / "a.parquet").read_bytes())


def parquet_ranges(data: bytes) -> list[tuple[int, int]]:
    """Return the range of each row's images, found by following the footer to the pages."""
    ranges = []
    for group in read_footer(data).row_groups:
        meta = group.columns[0].meta_data
        offset = meta.data_page_offset
        while offset < meta.data_page_offset + meta.total_compressed_size:
            page = read_page(data, offset, meta)
            position = page.end - sum(4 + len(value) for value in page.values)
            for values in page.rows:
                length = sum(4 + len(value) for value in values)
                ranges.append((position, length))
                position += length
            offset = page.end
    return ranges


def test_parquet_ranges_are_known_once_their_page_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Index rows wait for a page of images, not for the whole file."""
    from m3it_builder.shards.formats import open_writer
    from m3it_builder.storage.output import Output

    output = Output(tmp_path / "a.parquet")
    writer = open_writer("parquet", output, "bytes")
    known = []
    for row in typical_rows(200, 60_000):
        writer.write(row)
        assert writer.ranges is not None
        known.append(len(writer.ranges))
    writer.close()
    output.close()
    waiting = [written - count for written, count in enumerate(known, 1)]
    assert max(waiting) < 2 * PAGE_BYTES // 60_000


def test_rows_without_images_are_empty_ranges(tmp_path: Path) -> None:
    rows = [ShardRow(row.key, row.texts, ()) for row in typical_rows(3, 0)]
    ranges = write_shard(tmp_path / "a.parquet", rows)
    assert ranges is not None
    assert list(ranges.lengths) == [0, 0, 0]
    assert len(set(ranges.offsets)) == 1, "where the values of the page would start"
    assert list(ranges) == parquet_ranges((tmp_path / "a.parquet").read_bytes())


@pytest.mark.parametrize("lengths", [[], [5], [5, 0, 7]])
def test_extended_ranges_are_consecutive(lengths: Sequence[int]) -> None:
    ranges = RowRanges()
    ranges.append(1, 2)
    ranges.extend(10, lengths)
    expected = [(1, 2)]
    for length in lengths:
        expected.append((10 + sum(size for _, size in expected[1:]), length))
    assert list(ranges) == expected
    assert [ranges[n] for n in range(len(ranges))] == expected


@pytest.mark.parametrize("encoding", ["bytes", "base64"])
def test_which_formats_have_ranges(encoding: ImageEncoding) -> None:
    with_ranges = {name for name in FORMATS if FORMATS[name].has_offsets(encoding)}
    tabular = {"parquet"} if encoding == "bytes" else set()
    assert with_ranges == {"webdataset", "jsonl"} | tabular
