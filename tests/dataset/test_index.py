"""The index: parts with byte ranges that become known late, merged without mixing shards."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from m3it_builder.dataset import index
from m3it_builder.dataset.index import PartWriter, merge, without_ranges, write_rejects
from m3it_builder.records import Reject
from m3it_builder.shards.formats import RowRanges
from tests.dataset.test_index_row import ROW


def write_part(path: Path, shard: int, count: int, ranges: RowRanges | None = None) -> Path:
    """Write the index rows of one shard, with consecutive ranges of ten bytes."""
    ranges = ranges or RowRanges()
    with PartWriter(path, {"webdataset": ranges}) as writer:
        for row in range(count):
            writer.write(replace(ROW, id=str(row), shard=shard, row=row, jsonl_offset=None))
        ranges.extend(0, [10] * (count - len(ranges)))
        writer.finish()
    return path


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "GROUP_ROWS", 4)


def test_ranges_are_added_when_they_become_known(tmp_path: Path, small_batches: None) -> None:
    """A batch is buffered until the last of its rows has a range."""
    ranges = RowRanges()
    path = tmp_path / "part.arrow"
    with PartWriter(path, {"webdataset": ranges}) as writer:
        for row in range(9):
            writer.write(replace(ROW, row=row))
        ranges.extend(100, [7] * 9)
        writer.finish()
    table = pa.ipc.open_file(path.read_bytes()).read_all()
    assert table["webdataset_offset"].to_pylist() == list(range(100, 163, 7))
    assert table["webdataset_length"].to_pylist() == [7] * 9
    assert table["row"].to_pylist() == list(range(9))
    assert table["parquet_offset"].to_pylist() == [None] * 9
    assert table["jsonl_offset"].to_pylist() == [ROW.jsonl_offset] * 9, "not among the ranges"


def test_no_row_group_has_rows_of_two_shards(tmp_path: Path, small_batches: None) -> None:
    parts = [write_part(tmp_path / f"{n}.arrow", n, count) for n, count in enumerate((5, 0, 9))]
    merge(parts, tmp_path / "index.parquet")
    file = pq.ParquetFile(tmp_path / "index.parquet")
    groups = [file.read_row_group(n)["shard"].to_pylist() for n in range(file.num_row_groups)]
    assert all(len(set(shards)) == 1 for shards in groups)
    rows = file.read()
    assert list(zip(rows["shard"].to_pylist(), rows["row"].to_pylist(), strict=True)) == [
        *((0, row) for row in range(5)),
        *((2, row) for row in range(9)),
    ]


def test_ranges_of_formats_can_be_removed(tmp_path: Path) -> None:
    merge([write_part(tmp_path / "a.arrow", 0, 3)], tmp_path / "index.parquet")
    table = pq.read_table(tmp_path / "index.parquet")
    removed = without_ranges(table, ["webdataset", "arrow"])
    assert removed.schema == table.schema
    assert removed["webdataset_offset"].null_count == removed["webdataset_length"].null_count == 3
    assert removed.drop(["webdataset_offset", "webdataset_length"]) == table.drop(
        ["webdataset_offset", "webdataset_length"]
    )


@pytest.mark.parametrize("count", [0, 1, 7])
def test_rejects_are_written_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(index, "_REJECT_ROWS", 3)
    rejects = [("check", Reject(str(n), "empty_output", "")) for n in range(count)]
    write_rejects(tmp_path / "rejects.parquet", ("t", "train"), iter(rejects))
    table = pq.read_table(tmp_path / "rejects.parquet")
    assert table.schema == index.REJECTS
    assert table["id"].to_pylist() == [str(n) for n in range(count)]
    assert set(table["split"].to_pylist()) <= {"train"}
