"""Parquet shards: sizes of row groups, pages and files, and what does not fit."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3it_builder.errors import BuildError
from m3it_builder.shards import row_groups
from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import TEXT_COLUMNS, EncodedImage, ImageEncoding, ShardRow
from m3it_builder.shards.parquet import pages
from tests.support.parquet_structs import read_footer, read_struct
from tests.support.shards import arrow_table, typical_rows, write_parquet


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 65_536, 65_537])
def test_dictionaries_of_any_size(tmp_path: Path, count: int) -> None:
    base = typical_rows(1, 0)[0]
    rows = [
        replace(base, texts={**base.texts, "instruction": f"{n % count}"}, images=())
        for n in range(count + 3)
    ]
    path = write_parquet(tmp_path / "a.parquet", rows)
    expected = [row.texts["instruction"] for row in rows]
    assert pq.read_table(path)["instruction"].to_pylist() == expected
    result = duckdb.execute("SELECT instruction FROM read_parquet(?)", [str(path)]).fetchall()
    assert [value for (value,) in result] == expected


def test_texts_longer_than_a_page(tmp_path: Path) -> None:
    rows = [
        replace(row, texts={**row.texts, "inputs": f"{n}" * 700_000})
        for n, row in enumerate(typical_rows(9, 10))
    ]
    path = write_parquet(tmp_path / "a.parquet", rows)
    assert pq.read_table(path).equals(arrow_table(rows))
    data = path.read_bytes()
    chunks = read_footer(data).row_groups[0].columns
    inputs = next(chunk for chunk in chunks if chunk.meta_data.path_in_schema == ["inputs"])
    offset_index, _ = read_struct(data, inputs.offset_index_offset, "OffsetIndex")
    column_index, _ = read_struct(data, inputs.column_index_offset, "ColumnIndex")
    assert len(offset_index.page_locations) > 1
    bounds = column_index.min_values + column_index.max_values
    assert max(map(len, bounds)) == 256, "truncated"


def test_row_groups_and_pages_of_real_size(tmp_path: Path) -> None:
    rows = typical_rows(400, 60_000)
    path = write_parquet(tmp_path / "a.parquet", rows)
    assert pq.read_table(path).equals(arrow_table(rows))
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(n) for n in range(file.num_row_groups)]
    assert len(groups) > 2
    for group in groups:
        assert group.total_byte_size <= (16 << 20) + 200_000
        by_name = {group.column(n).path_in_schema: group.column(n) for n in range(12)}
        assert by_name["images.list.element.bytes"].compression == "UNCOMPRESSED"
        assert not by_name["images.list.element.bytes"].has_column_index
        assert all(column.has_offset_index for column in by_name.values())
        assert all(by_name[name].has_column_index for name in TEXT_COLUMNS)
        assert by_name["instruction"].has_dictionary_page
        assert by_name["id"].statistics.has_min_max
    data = path.read_bytes()
    images = read_footer(data).row_groups[0].columns[0]
    locations = read_struct(data, images.offset_index_offset, "OffsetIndex")[0].page_locations
    assert len(locations) > 3
    assert all(page.compressed_page_size < (1 << 20) + 130_000 for page in locations)
    result = duckdb.execute(
        "SELECT images[1].path FROM read_parquet(?) WHERE id = 'row-000321'", [str(path)]
    )
    assert result.fetchall() == [("000321.0.jpg",)] if rows[321].images else [(None,)]


@pytest.mark.parametrize("encoding", ["bytes", "base64"])
def test_same_rows_same_bytes(tmp_path: Path, encoding: ImageEncoding) -> None:
    rows = typical_rows(60, 3_000)
    data = write_parquet(tmp_path / "a", rows, encoding).read_bytes()
    assert write_parquet(tmp_path / "b", rows, encoding).read_bytes() == data
    assert write_parquet(tmp_path / "c", rows[:-1], encoding).read_bytes() != data


def test_inserted_row_leaves_other_row_groups_unchanged(tmp_path: Path) -> None:
    rows = typical_rows(400, 60_000)
    longer = [*rows[:30], replace(rows[30], key="extra"), *rows[30:]]
    before, after = (
        _row_groups(write_parquet(tmp_path / name, shard))
        for name, shard in (("a", rows), ("b", longer))
    )
    assert len(set(before) - set(after)) == 1


def _row_groups(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [
        data[group.file_offset : group.file_offset + group.total_compressed_size]
        for group in read_footer(data).row_groups
    ]


@pytest.mark.parametrize("size", [700, 20_000], ids=["small images", "larger images"])
def test_files_are_no_larger_than_those_of_pyarrow(tmp_path: Path, size: int) -> None:
    rows = typical_rows(10_000_000 // size, size)
    ours = write_parquet(tmp_path / "ours", rows).stat().st_size
    without_dictionary = ["images.list.element.bytes", "id", "inputs", "outputs", "meta"]
    columns = [*TEXT_COLUMNS, "images.list.element.bytes", "images.list.element.path"]
    with pq.ParquetWriter(
        tmp_path / "theirs",
        arrow_table(rows).schema,
        compression={name: "NONE" if name.endswith("bytes") else "SNAPPY" for name in columns},
        use_dictionary=[name for name in TEXT_COLUMNS if name not in without_dictionary],
        write_page_index=True,
    ) as writer:
        for batch in arrow_table(rows).to_batches():
            writer.write_batch(batch)
    assert ours <= 1.03 * (tmp_path / "theirs").stat().st_size


def test_row_larger_than_a_page_can_be_is_an_error(tmp_path: Path) -> None:
    image = EncodedImage(bytes(64 << 20), "image/png")
    row = replace(typical_rows(1, 10)[0], images=(image,) * 33)  # one image in memory
    with pytest.raises(BuildError, match="more than a Parquet page can hold"):
        write_parquet(tmp_path / "a.parquet", [row])


def test_page_limit_applies_to_compressed_size_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(1)
    noise = "".join(chr(rng.randrange(0x80, 0x800)) for _ in range(3_000))
    size = 4 + len(noise.encode()) + 6  # its length, itself, and the levels of a row
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", size + pages._MAX_HEADER_BYTES)
    row = replace(typical_rows(1, 10)[0], images=())
    fitting = replace(row, texts={**row.texts, "inputs": "x" * (size - 10)})
    write_parquet(tmp_path / "a.parquet", [fitting])
    growing = replace(row, texts={**row.texts, "inputs": noise})
    with pytest.raises(BuildError, match="in column inputs, more than a Parquet page can hold"):
        write_parquet(tmp_path / "a.parquet", [growing])


def test_no_row_group_exceeds_32_bit_offsets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_groups, "_MAX_OFFSET", 400_000)
    rows = typical_rows(60, 40_000)
    path = write_parquet(tmp_path / "a.parquet", rows)
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)]
    assert len(sizes) > 5
    assert max(sizes) < 400_000
    assert pq.read_table(path).equals(arrow_table(rows))
    batches: list[pa.RecordBatch] = []
    batcher = Batcher("bytes", batches.append)
    for row in rows:
        batcher.add(row)
    batcher.flush()
    assert max(batch.nbytes for batch in batches) < 400_000


def test_rows_with_no_content_end_row_groups_too(tmp_path: Path) -> None:
    blank = dict.fromkeys(TEXT_COLUMNS, "")
    rows = [ShardRow(f"{n}", blank, ()) for n in range(100_000)]
    path = write_parquet(tmp_path / "a.parquet", rows)
    assert pq.ParquetFile(path).num_row_groups > 1
