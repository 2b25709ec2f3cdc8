"""Parquet shards in the libraries that people read them with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datafusion
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.shards import row_groups
from m3it_builder.shards.formats import TEXT_COLUMNS
from tests.support.shards import (
    ENCODINGS,
    IMAGE_COLUMN,
    MANY_ROWS,
    arrow_table,
    rows_of,
    typical_rows,
    with_files,
    write_parquet,
)

OPERATORS = ("=", "<", ">=", "!=")


@with_files
@given(bodies=MANY_ROWS, encoding=ENCODINGS)
def test_pyarrow_reads_what_it_would_have_written(
    bodies: Any, encoding: Any, tmp_path: Path, small: None
) -> None:
    rows = rows_of(bodies)
    expected = arrow_table(rows, encoding)
    path = write_parquet(tmp_path / "ours.parquet", rows, encoding)
    pq.write_table(expected, tmp_path / "theirs.parquet")
    with pq.ParquetFile(path) as file, pq.ParquetFile(tmp_path / "theirs.parquet") as theirs:
        assert file.schema.equals(theirs.schema)
        assert file.schema_arrow.equals(theirs.schema_arrow, check_metadata=True)
        assert file.metadata.metadata == theirs.metadata.metadata, "ARROW:schema and the features"
        assert file.metadata.num_rows == len(rows)
        table = file.read()
        table.validate(full=True)
        assert table.equals(expected)
        assert table.equals(theirs.read(), check_metadata=True)
        groups = [file.read_row_group(n) for n in range(file.num_row_groups)]
        if groups:
            assert pa.concat_tables(groups).equals(expected)
        for name in expected.column_names:
            assert file.read(columns=[name]).equals(expected.select([name]))
        assert sum(batch.num_rows for batch in file.iter_batches(batch_size=3)) == len(rows)


@with_files
@given(bodies=MANY_ROWS, encoding=ENCODINGS, rng=st.randoms())
def test_filters_find_the_rows(
    bodies: Any, encoding: Any, rng: Any, tmp_path: Path, small: None
) -> None:
    rows = rows_of(bodies)
    path = write_parquet(tmp_path / "a.parquet", rows, encoding)
    table = arrow_table(rows, encoding)
    for name in rng.sample(TEXT_COLUMNS, 3):
        value = rng.choice(rows).texts[name] if rows else "x"
        for operator in OPERATORS:
            filtered = pq.read_table(path, filters=[(name, operator, value)])
            expected = [row.texts["id"] for row in rows if _is(row.texts[name], operator, value)]
            assert filtered["id"].to_pylist() == expected
        equal = duckdb.execute(
            f"SELECT id, {IMAGE_COLUMN[encoding]} FROM read_parquet(?) WHERE {name} = ?",
            [str(path), value],
        ).fetchall()
        matching = table.filter(pa.compute.equal(table[name], value))
        matching = matching.select(["id", IMAGE_COLUMN[encoding]])
        assert sorted(equal) == sorted(tuple(row.values()) for row in matching.to_pylist())


def _is(left: str, operator: str, right: str) -> bool:
    results = {"=": left == right, "<": left < right, ">=": left >= right, "!=": left != right}
    return results[operator]


@with_files
@given(bodies=MANY_ROWS)
def test_duckdb_reads_all_rows(bodies: Any, tmp_path: Path, small: None) -> None:
    rows = rows_of(bodies)
    path = str(write_parquet(tmp_path / "a.parquet", rows))
    columns = ", ".join(TEXT_COLUMNS)
    result = duckdb.execute(
        f"SELECT {columns}, [i.bytes for i in images], [i.path for i in images]"
        " FROM read_parquet(?) ORDER BY file_row_number",
        [path],
    ).fetchall()
    assert result == [
        (
            *(row.texts[name] for name in TEXT_COLUMNS),
            [image.data for image in row.images],
            [row_groups.image_path(row.key, n, image) for n, image in enumerate(row.images)],
        )
        for row in rows
    ]
    for name in TEXT_COLUMNS:
        aggregates = duckdb.execute(
            f"SELECT min({name}), max({name}), count(*), count({name}) FROM read_parquet(?)", [path]
        ).fetchone()
        values = [row.texts[name] for row in rows]
        bounds = (min(values), max(values)) if values else (None, None)
        assert aggregates == (*bounds, len(rows), len(rows))


@with_files
@given(bodies=MANY_ROWS, encoding=ENCODINGS, rng=st.randoms())
def test_polars_reads_all_rows(
    bodies: Any, encoding: Any, rng: Any, tmp_path: Path, small: None
) -> None:
    rows = rows_of(bodies)
    path = write_parquet(tmp_path / "a.parquet", rows, encoding)
    expected = arrow_table(rows, encoding).to_pylist()
    assert pl.read_parquet(path).to_dicts() == expected
    name = rng.choice(TEXT_COLUMNS)
    value = rng.choice(rows).texts[name] if rows else "x"
    filtered = pl.scan_parquet(path).filter(pl.col(name) == value).collect(engine="streaming")
    assert filtered.to_dicts() == [row for row in expected if row[name] == value]
    start = rng.randrange(len(rows) + 1)
    part = pl.scan_parquet(path).slice(start, 3).select("id", IMAGE_COLUMN[encoding]).collect()
    assert part["id"].to_list() == [row["id"] for row in expected[start : start + 3]]


@with_files
@given(bodies=MANY_ROWS, encoding=ENCODINGS, rng=st.randoms())
def test_datafusion_prunes_pages_and_finds_the_rows(
    bodies: Any, encoding: Any, rng: Any, tmp_path: Path, small: None
) -> None:
    """The Rust implementation, which skips pages by the page index and decodes late."""
    rows = rows_of(bodies)
    path = write_parquet(tmp_path / "a.parquet", rows, encoding)
    expected = arrow_table(rows, encoding).to_pylist()
    options = {"pushdown_filters": "true", "enable_page_index": "true", "reorder_filters": "true"}
    config = datafusion.SessionConfig().with_target_partitions(1)
    for key, value in options.items():
        config = config.set(f"datafusion.execution.parquet.{key}", value)
    context = datafusion.SessionContext(config)
    context.register_parquet("shard", str(path))
    assert _as_rows(context.table("shard").collect()) == expected
    name = rng.choice(TEXT_COLUMNS)
    value = rng.choice(rows).texts[name] if rows else "x"
    for operator in OPERATORS:
        column = datafusion.col(name)
        literal = datafusion.lit(value)
        condition = {"=": column == literal, "<": column < literal,
                     ">=": column >= literal, "!=": column != literal}[operator]  # fmt: skip
        filtered = _as_rows(context.table("shard").filter(condition).collect())
        assert filtered == [row for row in expected if _is(row[name], operator, value)]


def _as_rows(batches: Sequence[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


def test_datasets_reads_the_images(tmp_path: Path) -> None:
    import datasets

    rows = typical_rows(300, 40_000)
    write_parquet(tmp_path / "train.parquet", rows)
    for streaming in (False, True):
        loaded = datasets.load_dataset(str(tmp_path), split="train", streaming=streaming)
        loaded = loaded.cast_column("images", datasets.List(datasets.Image(decode=False)))
        for got, row in zip(loaded, rows, strict=True):
            assert {name: got[name] for name in TEXT_COLUMNS} == row.texts
            assert [image["bytes"] for image in got["images"]] == [p.data for p in row.images]
