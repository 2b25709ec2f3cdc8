"""Row groups are cut by content: a changed row changes few groups."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.shards import row_groups
from m3it_builder.shards.formats import TEXT_COLUMNS, EncodedImage, ShardRow, open_writer
from m3it_builder.storage.output import Output


def generated_rows(count: int) -> list[ShardRow]:
    rng = random.Random(5)
    return [
        ShardRow(
            f"row-{number}",
            {name: f"{name} {number}" for name in TEXT_COLUMNS},
            (EncodedImage(rng.randbytes(rng.randint(100, 900)), "image/jpeg"),),
        )
        for number in range(count)
    ]


def groups_of_ids(path: Path, rows: Sequence[ShardRow]) -> list[tuple[str, ...]]:
    """Write rows as Parquet and return the ids of each row group."""
    output = Output(path)
    writer = open_writer("parquet", output, "bytes")
    for row in rows:
        writer.write(row)
    writer.close()
    output.close()
    file = pq.ParquetFile(path)
    return [
        tuple(file.read_row_group(number, columns=["id"])["id"].to_pylist())
        for number in range(file.num_row_groups)
    ]


def test_removed_row_changes_one_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_groups, "MIN_BYTES", 8_000)
    monkeypatch.setattr(row_groups, "MAX_BYTES", 60_000)
    rows = generated_rows(600)
    before = groups_of_ids(tmp_path / "before", rows)
    assert len(before) > 8
    assert [name for group in before for name in group] == [row.texts["id"] for row in rows]
    changed = []
    for position in (0, 77, 300, 450, 599):
        remaining = rows[:position] + rows[position + 1 :]
        after = groups_of_ids(tmp_path / f"without-{position}", remaining)
        changed.append(len(set(before) - set(after)))
    assert sorted(changed)[2] == 1, "one group at most positions"
    assert max(changed) <= 3, "the cuts are the same again soon after"
