"""The schema of the index, derived from ``IndexRow``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3it_builder.dataset.index import SCHEMA
from m3it_builder.dataset.index_row import IndexRow, StoredImage, arrow_schema, index_rows
from m3it_builder.records import Region, Turn
from m3it_builder.shards.formats import FORMATS, TEXT_COLUMNS
from m3it_builder.tasks.sampling import write_sample
from tests.support.building import PLAN, build
from tests.support.mixed import TASK

TURN = {
    "question": "string",
    "answer": "string",
    "choices": "list<item: string>",
    "gold": "int32",
    "said": "string",
}
REGION = {"box": "list<item: double>", "color": "string", "label": "string", "image": "int32"}
IMAGE = {
    "digest": "string",
    "source_digest": "string",
    "name": "string",
    "mime": "string",
    "width": "int32",
    "height": "int32",
    "bytes": "int64",
}
# Public: queries of users depend on these names and types.
COLUMNS = {
    **dict.fromkeys(
        ("id", "task", "split", "lang", "instruction", "inputs", "outputs", "context", "license",
         "image_license", "meta"), "string"),
    "turns": TURN,
    "regions": REGION,
    "images": IMAGE,
    "shard": "int32",
    "row": "int32",
    "key": "string",
    **dict.fromkeys(
        ("webdataset_offset", "webdataset_length", "parquet_offset", "parquet_length",
         "jsonl_offset", "jsonl_length"), "int64"),
}  # fmt: skip

ROW = IndexRow(
    id="1",
    task="t",
    split="train",
    lang="en",
    instruction="Answer.",
    inputs="?",
    outputs="yes",
    context="",
    license="MIT",
    image_license="CC0-1.0",
    meta="{}",
    turns=(Turn("?", "yes", ("yes", "no"), 0), Turn("", "yes")),
    regions=(Region((0, 1.5, 2, 3)),),
    images=(StoredImage("d", "s", "a/b.jpg", "image/jpeg", 3, 4, 5_000_000_000),),
    shard=0,
    row=7,
    key="1",
    jsonl_offset=5_000_000_000,
    jsonl_length=9,
)


def described(schema: pa.Schema) -> dict[str, object]:
    """Return types by column; for lists of structs, types by field."""
    columns: dict[str, object] = {}
    for field in schema:
        is_nested = pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type)
        columns[field.name] = (
            {inner.name: str(inner.type) for inner in field.type.value_type}
            if is_nested
            else str(field.type)
        )
    return columns


def test_columns_and_types() -> None:
    assert described(arrow_schema()) == COLUMNS
    assert list(described(arrow_schema())) == list(COLUMNS), "in this order"
    assert arrow_schema() == SCHEMA


def test_columns_of_shards_are_text_columns_of_the_index() -> None:
    assert {COLUMNS[name] for name in TEXT_COLUMNS} == {"string"}


def test_every_format_with_offsets_has_range_columns() -> None:
    with_offsets = [form for form in FORMATS.values() if form.range_encodings]
    columns = {column for form in with_offsets for column in form.range_columns}
    assert columns == {name for name in COLUMNS if name.endswith(("_offset", "_length"))}


def test_index_of_a_build_has_the_schema(tmp_path: Path) -> None:
    write_sample(TASK, tmp_path / "sources", 1)
    build(tmp_path / "sources", tmp_path, replace(PLAN, formats=("jsonl",)), TASK)
    path = tmp_path / "mixed/meta/train/index.parquet"
    assert pq.read_schema(path).equals(SCHEMA)
    rows = index_rows(pq.read_table(path, partitioning=None).to_pylist())
    first_shard = [row.row for row in rows if row.shard == 0]
    assert first_shard == list(range(len(first_shard)))
    assert all(row.webdataset_offset is None and row.jsonl_offset is not None for row in rows)


def plain_row() -> dict[str, object]:
    """Return ``ROW`` as ``to_pylist`` returns it."""
    nested = {
        name: [msgspec.structs.asdict(item) for item in getattr(ROW, name)]
        for name in ("turns", "regions", "images")
    }
    return {**msgspec.structs.asdict(ROW), **nested}


def test_rows_are_typed_without_loss() -> None:
    table = pa.Table.from_pylist([plain_row()], SCHEMA)
    assert index_rows(table.to_pylist()) == [ROW]
    assert ROW.record().turns == ROW.turns


@pytest.mark.parametrize("column", ["id", "outputs", "key", "shard"])
def test_null_values_are_an_error(column: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=column):
        index_rows([{**plain_row(), column: None}])
