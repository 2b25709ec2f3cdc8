"""Parquet files of our own making, held to what the libraries people use read from them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import datafusion
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.errors import BuildError
from m3it_builder.shards import row_groups as grouping
from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import TEXT_COLUMNS, EncodedImage, ShardRow
from m3it_builder.shards.parquet import pages as parquet_pages
from m3it_builder.shards.parquet import writer as parquet
from m3it_builder.shards.parquet.writer import ParquetWriter
from m3it_builder.storage.output import Output
from tests.support.compact import read_footer, read_struct

MIMES = ("image/jpeg", "image/png", "image/webp")
IMAGES = {"bytes": "images", "base64": "image_base64_str"}
LONG = "長x😀" * 40  # longer than a bound may be

LAST = "\U0010ffff" * 70  # no text lies above all that begin so

texts = st.one_of(
    st.sampled_from(["", "yes", "no", "é", "日本", "😀", "\U0010ffff", "a\0b"]),
    st.sampled_from([LONG, LONG + "!", "a" * 255 + "é", "b" * 254 + "\ud7ff" * 2, LAST]),
    st.text(max_size=40),
)
images = st.builds(EncodedImage, st.binary(max_size=60), st.sampled_from(MIMES))
bodies = st.tuples(
    st.fixed_dictionaries(dict.fromkeys(TEXT_COLUMNS, texts)),
    st.lists(images, max_size=5),
)
many_rows = st.lists(bodies, max_size=40)
forms = st.sampled_from(["bytes", "base64"])
careful = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make groups and pages so small that a few rows fill several."""
    monkeypatch.setattr(grouping, "LEAST_BYTES", 1_500)
    monkeypatch.setattr(grouping, "MOST_BYTES", 6_000)
    monkeypatch.setattr(grouping, "_ENDS_ONE_IN", 4)
    monkeypatch.setattr(parquet, "PAGE_BYTES", 200)


def rows_of(made: Sequence[tuple[dict[str, str], list[EncodedImage]]]) -> list[ShardRow]:
    return [
        ShardRow(f"k{n:04d}", {**words, "id": f"{words['id']}/{n}"}, tuple(images))
        for n, (words, images) in enumerate(made)
    ]


def typical(count: int, size: int, seed: int = 0) -> list[ShardRow]:
    """Return rows like those of a task: a few instructions, ids that differ, one license."""
    chance = random.Random(seed)
    return [
        ShardRow(
            f"{n:06d}",
            {
                **dict.fromkeys(TEXT_COLUMNS, "constant"),
                "id": f"row-{n:06d}",
                "instruction": f"Instruction {chance.randrange(10)}, in some forty characters.",
                "inputs": f"Question {chance.random()}?",
                "outputs": chance.choice(["yes", "no", "a red circle"]),
                "meta": f'{{"n":{n}}}',
            },
            tuple(
                EncodedImage(chance.randbytes(size), "image/jpeg")
                for _ in range(chance.choice([1, 1, 2, 0]))
            ),
        )
        for n in range(count)
    ]


def write(path: Path, rows: Sequence[ShardRow], images: Any = "bytes") -> Path:
    output = Output(path)
    writer = ParquetWriter(output, images)
    for row in rows:
        writer.write(row)
    writer.close()
    output.close()
    return path


def arrow(rows: Sequence[ShardRow], images: str = "bytes") -> pa.Table:
    """Return what a file must hold, made by pyarrow, with the notes of a file of ours."""
    batches: list[pa.RecordBatch] = []
    batcher = Batcher(images, batches.append)
    for row in rows:
        batcher.add(row)
    batcher.flush()
    marks = {"content_defined_chunking": "true", "use_content_defined_chunking": "true"}
    schema = batcher.schema.with_metadata({**batcher.schema.metadata, **marks})
    return pa.Table.from_batches(batches, batcher.schema).cast(schema)


@careful
@given(made=many_rows, images=forms)
def test_pyarrow_reads_what_it_would_have_written(
    made: Any, images: str, tmp_path: Path, small: None
) -> None:
    rows = rows_of(made)
    wanted = arrow(rows, images)
    ours = write(tmp_path / "ours.parquet", rows, images)
    pq.write_table(wanted, tmp_path / "theirs.parquet")
    with pq.ParquetFile(ours) as file, pq.ParquetFile(tmp_path / "theirs.parquet") as theirs:
        assert file.schema.equals(theirs.schema)
        assert file.schema_arrow.equals(theirs.schema_arrow, check_metadata=True)
        assert file.metadata.metadata == theirs.metadata.metadata, "ARROW:schema and the notes"
        assert file.metadata.num_rows == len(rows)
        table = file.read()
        table.validate(full=True)
        assert table.equals(wanted)
        assert table.equals(theirs.read(), check_metadata=True)
        groups = [file.read_row_group(n) for n in range(file.num_row_groups)]
        if groups:
            assert pa.concat_tables(groups).equals(wanted)
        for name in wanted.column_names:
            assert file.read(columns=[name]).equals(wanted.select([name]))
        assert sum(batch.num_rows for batch in file.iter_batches(batch_size=3)) == len(rows)


@careful
@given(made=many_rows, images=forms, chance=st.randoms())
def test_filters_find_the_rows(
    made: Any, images: str, chance: Any, tmp_path: Path, small: None
) -> None:
    rows = rows_of(made)
    path = write(tmp_path / "a.parquet", rows, images)
    wanted = arrow(rows, images)
    for name in chance.sample(TEXT_COLUMNS, 3):
        value = chance.choice(rows).texts[name] if rows else "x"
        for sign in ("=", "<", ">=", "!="):
            found = pq.read_table(path, filters=[(name, sign, value)])
            all_of_it = [row.texts["id"] for row in rows if _holds(row.texts[name], sign, value)]
            assert found["id"].to_pylist() == all_of_it
        same = duckdb.execute(
            f"SELECT id, {IMAGES[images]} FROM read_parquet(?) WHERE {name} = ?",
            [str(path), value],
        ).fetchall()
        some = wanted.filter(pa.compute.equal(wanted[name], value)).select(["id", IMAGES[images]])
        assert sorted(same) == sorted(tuple(row.values()) for row in some.to_pylist())


def _holds(left: str, sign: str, right: str) -> bool:
    return {"=": left == right, "<": left < right, ">=": left >= right, "!=": left != right}[sign]


@careful
@given(made=many_rows)
def test_duckdb_reads_all(made: Any, tmp_path: Path, small: None) -> None:
    rows = rows_of(made)
    path = str(write(tmp_path / "a.parquet", rows))
    columns = ", ".join(TEXT_COLUMNS)
    found = duckdb.execute(
        f"SELECT {columns}, [i.bytes for i in images], [i.path for i in images]"
        " FROM read_parquet(?) ORDER BY file_row_number",
        [path],
    ).fetchall()
    assert found == [
        (
            *(row.texts[name] for name in TEXT_COLUMNS),
            [image.data for image in row.images],
            [grouping.image_path(row.key, n, p) for n, p in enumerate(row.images)],
        )
        for row in rows
    ]
    for name in TEXT_COLUMNS:
        told = duckdb.execute(
            f"SELECT min({name}), max({name}), count(*), count({name}) FROM read_parquet(?)", [path]
        ).fetchone()
        values = [row.texts[name] for row in rows]
        bounds = (min(values), max(values)) if values else (None, None)
        assert told == (*bounds, len(rows), len(rows))


@careful
@given(made=many_rows, images=forms, chance=st.randoms())
def test_polars_reads_all(made: Any, images: str, chance: Any, tmp_path: Path, small: None) -> None:
    rows = rows_of(made)
    path = write(tmp_path / "a.parquet", rows, images)
    wanted = arrow(rows, images).to_pylist()
    assert pl.read_parquet(path).to_dicts() == wanted
    name = chance.choice(TEXT_COLUMNS)
    value = chance.choice(rows).texts[name] if rows else "x"
    found = pl.scan_parquet(path).filter(pl.col(name) == value).collect(engine="streaming")
    assert found.to_dicts() == [row for row in wanted if row[name] == value]
    first = chance.randrange(len(rows) + 1)
    part = pl.scan_parquet(path).slice(first, 3).select("id", IMAGES[images]).collect()
    assert part["id"].to_list() == [row["id"] for row in wanted[first : first + 3]]


@careful
@given(made=many_rows, images=forms, chance=st.randoms())
def test_datafusion_prunes_pages_and_finds_the_rows(
    made: Any, images: str, chance: Any, tmp_path: Path, small: None
) -> None:
    """Rust's Parquet, which passes over pages by their index and decodes late."""
    rows = rows_of(made)
    path = write(tmp_path / "a.parquet", rows, images)
    wanted = arrow(rows, images).to_pylist()
    settings = {"pushdown_filters": "true", "enable_page_index": "true", "reorder_filters": "true"}
    config = datafusion.SessionConfig().with_target_partitions(1)
    for key, value in settings.items():
        config = config.set(f"datafusion.execution.parquet.{key}", value)
    context = datafusion.SessionContext(config)
    context.register_parquet("shard", str(path))
    assert _as_rows(context.table("shard").collect()) == wanted
    name = chance.choice(TEXT_COLUMNS)
    value = chance.choice(rows).texts[name] if rows else "x"
    for sign in ("=", "<", ">=", "!="):
        condition = datafusion.col(name)
        literal = datafusion.lit(value)
        holds = {"=": condition == literal, "<": condition < literal,
                 ">=": condition >= literal, "!=": condition != literal}[sign]  # fmt: skip
        found = _as_rows(context.table("shard").filter(holds).collect())
        assert found == [row for row in wanted if _holds(row[name], sign, value)]


def _as_rows(batches: Sequence[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


@careful
@given(made=st.lists(bodies, min_size=1, max_size=40), images=forms)
def test_places_sizes_and_bounds_are_true(
    made: Any, images: str, tmp_path: Path, small: None
) -> None:
    """Follow the footer to every page, without a library, and look what is there."""
    rows = rows_of(made)
    data = write(tmp_path / "a.parquet", rows, images).read_bytes()
    footer = read_footer(data)
    assert footer[3] == len(rows)
    table = arrow(rows, images)
    used: list[tuple[int, int]] = []
    first = 0
    for group in footer[4]:
        held = table.slice(first, group[3])
        first += group[3]
        chunks = [chunk[3] for chunk in group[1]]
        assert group[2] == sum(chunk[6] for chunk in chunks)
        assert group[6] == sum(chunk[7] for chunk in chunks)
        starts = [chunk.get(11, chunk[9]) for chunk in chunks]
        assert starts == sorted(starts), "columns lie in the order of the schema"
        assert group[5] == starts[0], "which Spark takes for the place of the group"
        for chunk in group[1]:
            used += _check_chunk(data, chunk, held)
    used.sort()
    assert used[0][0] == 4
    for (_, end), (start, _) in pairwise(used):
        assert end == start, "pages and indexes lie without gaps or overlaps"
    assert first == len(rows)


def _check_chunk(data: bytes, chunk: dict[int, Any], held: pa.Table) -> Iterator[tuple[int, int]]:
    meta = chunk[3]
    start = meta.get(11, meta[9])
    index, end = read_struct(data, chunk[4])
    assert end == chunk[4] + chunk[5]
    yield chunk[4], end
    bounds = None
    if 6 in chunk:
        bounds, end = read_struct(data, chunk[6])
        assert end == chunk[6] + chunk[7]
        yield chunk[6], end
    leaf = _values(held, meta[3])
    firsts = [page[3] for page in index[1]]
    assert firsts[0] == 0
    assert firsts == sorted(set(firsts))
    assert index[1][0][1] == meta[9]
    at = start
    unpacked = entries = 0
    if 11 in meta:
        head, end = read_struct(data, at)
        assert head[1] == 2, "a dictionary"
        unpacked += end - at + head[2]
        at = end + head[3]
    for number, page in enumerate(index[1]):
        assert page[1] == at
        head, end = read_struct(data, at)
        assert head[1] == 0, "a data page"
        unpacked += end - at + head[2]
        at = end + head[3]
        assert page[2] == at - page[1]
        inside = leaf[page[3] : firsts[number + 1] if number + 1 < len(firsts) else None]
        assert head[5][1] == sum(len(values) or 1 for values in inside)
        entries += head[5][1]
        _check_bounds(bounds, number, inside)
    assert (meta[5], meta[6], meta[7]) == (entries, unpacked, at - start)
    _check_statistics(meta, leaf)
    yield start, at


def _values(held: pa.Table, path: Sequence[bytes]) -> list[list[bytes]]:
    """Return the values of a leaf, row by row."""
    names = [part.decode() for part in path]
    column = held[names[0]].to_pylist()
    if len(names) == 1:
        return [[value.encode()] for value in column]
    if len(names) == 3:
        return [[value.encode() for value in row] for row in column]
    return (
        [[value[names[3]] for value in row] for row in column]
        if names[3] == "bytes"
        else [[value["path"].encode() for value in row] for row in column]
    )


def _check_bounds(bounds: dict[int, Any] | None, number: int, inside: list[list[bytes]]) -> None:
    if bounds is None:
        return
    flat = [value for values in inside for value in values]
    assert bounds[1][number] == (not flat), "a page of nulls alone"
    if flat:
        _check_pair(bounds[2][number], bounds[3][number], flat)
    assert bounds[5][number] == sum(not values for values in inside)
    known = [n for n in range(number + 1) if not bounds[1][n]]
    for key in (2, 3):
        so_far = [bounds[key][n] for n in known]
        if bounds[4] == 1:
            assert so_far == sorted(so_far)
        if bounds[4] == 2:
            assert so_far == sorted(so_far, reverse=True)


def _check_statistics(meta: dict[int, Any], leaf: list[list[bytes]]) -> None:
    flat = [value for values in leaf for value in values]
    if meta[3][-1] in (b"bytes", b"element"):
        assert 12 not in meta
        return
    told = meta[12]
    assert told[3] == sum(not values for values in leaf)
    assert (6 in told) == bool(flat)
    if flat:
        _check_pair(told[6], told[5], flat)
        exact = told[6] == min(flat), told[5] == max(flat)
        assert (told[8], told[7]) == exact or max(map(len, flat)) > 256
        assert exact[0] or not told[8]
        assert exact[1] or not told[7]


def _check_pair(least: bytes, most: bytes, values: Sequence[bytes]) -> None:
    """Bounds hold, are short and whole characters, and are exact where texts are short."""
    assert least <= min(values)
    assert most >= max(values)
    for bound, value in ((least, min(values)), (most, max(values))):
        bound.decode()  # raises where a character is cut in two
        assert len(bound) <= 260 or (bound == value and bound.startswith(LAST.encode()))
        assert bound == value or len(value) > 256


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 65_536, 65_537])
def test_dictionaries_of_any_size(tmp_path: Path, count: int) -> None:
    base = typical(1, 0)[0]
    rows = [
        replace(base, texts={**base.texts, "instruction": f"{n % count}"}, images=())
        for n in range(count + 3)
    ]
    path = write(tmp_path / "a.parquet", rows)
    wanted = [row.texts["instruction"] for row in rows]
    assert pq.read_table(path)["instruction"].to_pylist() == wanted
    found = duckdb.execute("SELECT instruction FROM read_parquet(?)", [str(path)]).fetchall()
    assert [value for (value,) in found] == wanted


def test_texts_longer_than_a_page(tmp_path: Path) -> None:
    rows = [
        replace(row, texts={**row.texts, "inputs": f"{n}" * 700_000})
        for n, row in enumerate(typical(9, 10))
    ]
    path = write(tmp_path / "a.parquet", rows)
    assert pq.read_table(path).equals(arrow(rows))
    data = path.read_bytes()
    inputs = next(c for c in read_footer(data)[4][0][1] if c[3][3] == [b"inputs"])
    assert len(read_struct(data, inputs[4])[0][1]) > 1, "several pages"
    bounds = read_struct(data, inputs[6])[0]
    assert max(map(len, bounds[2] + bounds[3])) == 256, "and bounds that are not as long"


def test_groups_and_pages_of_the_real_size(tmp_path: Path) -> None:
    rows = typical(400, 60_000)
    path = write(tmp_path / "a.parquet", rows)
    assert pq.read_table(path).equals(arrow(rows))
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
    footer = read_footer(path.read_bytes())
    index, _ = read_struct(path.read_bytes(), footer[4][0][1][0][4])
    assert len(index[1]) > 3
    assert all(page[2] < (1 << 20) + 130_000 for page in index[1])
    found = duckdb.execute(
        "SELECT images[1].path FROM read_parquet(?) WHERE id = 'row-000321'", [str(path)]
    )
    assert found.fetchall() == [("000321.0.jpg",)] if rows[321].images else [(None,)]


@pytest.mark.parametrize("images", ["bytes", "base64"])
def test_same_rows_same_bytes(tmp_path: Path, images: str) -> None:
    rows = typical(60, 3_000)
    first = write(tmp_path / "a", rows, images).read_bytes()
    assert write(tmp_path / "b", rows, images).read_bytes() == first
    assert write(tmp_path / "c", rows[:-1], images).read_bytes() != first


def test_a_row_more_leaves_other_groups_as_they_were(tmp_path: Path) -> None:
    rows = typical(400, 60_000)
    more = [*rows[:30], replace(rows[30], key="extra"), *rows[30:]]
    ours = [_groups(write(tmp_path / name, made)) for name, made in (("a", rows), ("b", more))]
    assert len(set(ours[0]) - set(ours[1])) == 1


def _groups(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[group[5] : group[5] + group[6]] for group in read_footer(data)[4]]


@pytest.mark.parametrize("size", [700, 20_000], ids=["small images", "larger ones"])
def test_files_are_no_larger_than_those_of_pyarrow(tmp_path: Path, size: int) -> None:
    rows = typical(10_000_000 // size, size)
    ours = write(tmp_path / "ours", rows).stat().st_size
    plain = ["images.list.element.bytes", "id", "inputs", "outputs", "meta"]
    leaves = [*TEXT_COLUMNS, "images.list.element.bytes", "images.list.element.path"]
    with pq.ParquetWriter(
        tmp_path / "theirs",
        arrow(rows).schema,
        compression={name: "NONE" if name.endswith("bytes") else "SNAPPY" for name in leaves},
        use_dictionary=[name for name in TEXT_COLUMNS if name not in plain],
        write_page_index=True,
    ) as writer:
        for batch in arrow(rows).to_batches():
            writer.write_batch(batch)
    assert ours <= 1.03 * (tmp_path / "theirs").stat().st_size


def test_datasets_reads_the_images(tmp_path: Path) -> None:
    import datasets

    rows = typical(300, 40_000)
    write(tmp_path / "train.parquet", rows)
    for streaming in (False, True):
        loaded = datasets.load_dataset(str(tmp_path), split="train", streaming=streaming)
        loaded = loaded.cast_column("images", datasets.List(datasets.Image(decode=False)))
        for got, row in zip(loaded, rows, strict=True):
            assert {name: got[name] for name in TEXT_COLUMNS} == row.texts
            assert [image["bytes"] for image in got["images"]] == [p.data for p in row.images]


def test_row_too_large_for_a_page_is_said(tmp_path: Path) -> None:
    image = EncodedImage(bytes(64 << 20), "image/png")
    row = replace(typical(1, 10)[0], images=(image,) * 33)  # one image in memory
    with pytest.raises(BuildError, match="more than Parquet takes"):
        write(tmp_path / "a.parquet", [row])


def test_texts_that_grow_when_compressed_are_measured_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(1)
    noise = "".join(chr(chance.randrange(0x80, 0x800)) for _ in range(3_000))
    page = 4 + len(noise.encode()) + 6  # its length, itself, and the levels of a row
    monkeypatch.setattr(parquet_pages, "MOST_BYTES", page + parquet_pages._HEAD_BYTES)
    row = replace(typical(1, 10)[0], images=())
    write(tmp_path / "a.parquet", [replace(row, texts={**row.texts, "inputs": "x" * (page - 10)})])
    with pytest.raises(BuildError, match="in column inputs, more than Parquet takes"):
        write(tmp_path / "a.parquet", [replace(row, texts={**row.texts, "inputs": noise})])


def test_no_group_holds_more_than_offsets_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, "_ADDRESSED", 400_000)
    rows = typical(60, 40_000)
    path = write(tmp_path / "a.parquet", rows)
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)]
    assert len(sizes) > 5
    assert max(sizes) < 400_000
    assert pq.read_table(path).equals(arrow(rows))
    batches: list[pa.RecordBatch] = []
    batcher = Batcher("bytes", batches.append)
    for row in rows:
        batcher.add(row)
    batcher.flush()
    assert max(batch.nbytes for batch in batches) < 400_000


def test_rows_of_next_to_nothing_do_not_pile_up(tmp_path: Path) -> None:
    blank = dict.fromkeys(TEXT_COLUMNS, "")
    path = write(tmp_path / "a.parquet", [ShardRow(f"{n}", blank, ()) for n in range(100_000)])
    assert pq.ParquetFile(path).num_row_groups > 1
