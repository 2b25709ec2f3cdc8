"""Rows for tests of the shard writers, and shards written from them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from m3it_builder.shards import row_groups
from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import (
    TEXT_COLUMNS,
    EncodedImage,
    ImageEncoding,
    RowRanges,
    ShardRow,
    open_writer,
)
from m3it_builder.shards.parquet import writer as parquet_writer
from m3it_builder.storage.output import Output

MIMES = ("image/jpeg", "image/png", "image/webp")
IMAGE_COLUMN = {"bytes": "images", "base64": "image_base64_str"}
LONG = "長x😀" * 40  # longer than a min or max value may be
LAST = "\U0010ffff" * 70  # has no shorter upper bound
TEXTS = st.one_of(
    st.sampled_from(["", "yes", "no", "é", "日本", "😀", "\U0010ffff", "a\0b", "100%b"]),
    st.sampled_from([LONG, LONG + "!", "a" * 255 + "é", "b" * 254 + "\ud7ff" * 2, LAST]),
    st.text(max_size=40),
)
IMAGES = st.builds(EncodedImage, st.binary(max_size=60), st.sampled_from(MIMES))
BODIES = st.tuples(
    st.fixed_dictionaries(dict.fromkeys(TEXT_COLUMNS, TEXTS)),
    st.lists(IMAGES, max_size=5),
)
MANY_ROWS = st.lists(BODIES, max_size=40)
ENCODINGS = st.sampled_from(["bytes", "base64"])
with_files = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def shrink_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make row groups and pages so small that a few rows fill several."""
    monkeypatch.setattr(row_groups, "MIN_BYTES", 1_500)
    monkeypatch.setattr(row_groups, "MAX_BYTES", 6_000)
    monkeypatch.setattr(row_groups, "_BOUNDARY_ONE_IN", 4)
    monkeypatch.setattr(parquet_writer, "PAGE_BYTES", 200)


def rows_of(bodies: Sequence[tuple[dict[str, str], list[EncodedImage]]]) -> list[ShardRow]:
    """Return rows with unique ids and keys."""
    return [
        ShardRow(f"k{n:04d}", {**texts, "id": f"{texts['id']}/{n}"}, tuple(images))
        for n, (texts, images) in enumerate(bodies)
    ]


def typical_rows(count: int, size: int, seed: int = 0) -> list[ShardRow]:
    """Return rows like those of a task: few instructions, unique ids, one license."""
    rng = random.Random(seed)
    return [
        ShardRow(
            f"{n:06d}",
            {
                **dict.fromkeys(TEXT_COLUMNS, "constant"),
                "id": f"row-{n:06d}",
                "instruction": f"Instruction {rng.randrange(10)}, in some forty characters.",
                "inputs": f"Question {rng.random()}?",
                "outputs": rng.choice(["yes", "no", "a red circle"]),
                "meta": f'{{"n":{n}}}',
            },
            tuple(
                EncodedImage(rng.randbytes(size), "image/jpeg")
                for _ in range(rng.choice([1, 1, 2, 0]))
            ),
        )
        for n in range(count)
    ]


def write_shard(
    path: Path,
    rows: Sequence[ShardRow],
    encoding: ImageEncoding = "bytes",
    name: str = "parquet",
) -> RowRanges | None:
    """Write a shard of a format, and return the ranges of its rows."""
    output = Output(path)
    writer = open_writer(name, output, encoding)
    for row in rows:
        writer.write(row)
    writer.close()
    output.close()
    return writer.ranges


def write_parquet(path: Path, rows: Sequence[ShardRow], encoding: ImageEncoding = "bytes") -> Path:
    """Write a Parquet shard and return its path."""
    write_shard(path, rows, encoding)
    return path


def arrow_table(rows: Sequence[ShardRow], encoding: str = "bytes") -> pa.Table:
    """Return what a Parquet shard of these rows has to contain, made by pyarrow."""
    batches: list[pa.RecordBatch] = []
    batcher = Batcher(encoding, batches.append)
    for row in rows:
        batcher.add(row)
    batcher.flush()
    return pa.Table.from_batches(batches, batcher.schema)
