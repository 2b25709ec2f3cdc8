"""Records of packed shards: valid if and only if all files are complete."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from m3it_builder.build.shard_record import (
    ShardRecord,
    invalidate_records,
    load_records,
    part_path,
    read_record,
    record_path,
    save_records,
    write_record,
)
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.manifest import ShardFile
from m3it_builder.records import Reject
from tests.support.building import build
from tests.support.paths import tree

SHARD = "jsonl/train-00003.jsonl"
RECORD = ShardRecord(
    shard=3,
    key="k",
    packing="p",
    sources="s",
    rows=2,
    images=1,
    max_images=1,
    image_bytes=5,
    files={"jsonl": ShardFile(SHARD, 5, "xxh3_128:0")},
    rejects=(Reject("7", "image_truncated", "a.jpg"),),
)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    """Return a unit with one packed shard in its work folder."""
    unit = Unit("okvqa", "train", tmp_path)
    for path in (unit.work / SHARD, part_path(unit.work, 3), record_path(unit.work, 3)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    write_record(unit.work, RECORD)
    return unit


def test_record_of_a_complete_shard(unit: Unit) -> None:
    assert read_record(unit, 3) == RECORD
    assert read_record(unit, 4) is None


def test_incomplete_files_invalidate_the_record(unit: Unit) -> None:
    (unit.work / SHARD).write_bytes(b"1234")
    assert read_record(unit, 3) is None
    (unit.work / SHARD).unlink()
    assert read_record(unit, 3) is None
    (unit.work / SHARD).write_bytes(b"12345")
    part_path(unit.work, 3).unlink()
    assert read_record(unit, 3) is None


@pytest.mark.parametrize("text", ["", "{", "{}", '{"shard": 3, "later": 1}'])
def test_malformed_record_is_ignored(unit: Unit, text: str) -> None:
    record_path(unit.work, 3).write_text(text)
    assert read_record(unit, 3) is None


def test_moved_shards_count_during_a_commit_only(unit: Unit) -> None:
    """Before the commit, a file at the final path belongs to an older build."""
    final = unit.folder / SHARD
    final.parent.mkdir(parents=True)
    (unit.work / SHARD).rename(final)
    assert read_record(unit, 3) is None
    unit.ready.touch()
    assert read_record(unit, 3) == RECORD


def test_saved_records_have_the_state_of_their_files(unit: Unit) -> None:
    final = unit.folder / SHARD
    final.parent.mkdir(parents=True)
    (unit.work / SHARD).rename(final)
    save_records(unit, [RECORD])
    saved = load_records(unit)
    assert saved is not None
    (shard,) = saved.shards
    assert shard.record == RECORD
    assert shard.stats == {"jsonl": (5, final.stat().st_mtime_ns)}
    assert saved.index is None, "there is no index yet"
    invalidate_records(unit)
    assert load_records(unit) is None


@pytest.mark.parametrize("damage", ["index", "version", "text"])
def test_damaged_state_of_old_shards_is_not_trusted(
    sample: Path, tmp_path: Path, damage: str
) -> None:
    build(sample, tmp_path / "out")
    path = tmp_path / "out/okvqa/.m3it/train/packed.json"
    if damage == "index":  # bit rot, with unchanged size and mtime
        index = tmp_path / "out/okvqa/meta/train/index.parquet"
        stat = index.stat()
        data = bytearray(index.read_bytes())
        data[4:400] = bytes(396)
        index.write_bytes(data)
        os.utime(index, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif damage == "version":
        value = json.loads(path.read_text())
        value["shards"][0]["record"]["later"] = 1
        path.write_text(json.dumps(value))
    else:
        path.write_text('{"index": [1, 2], "shards"')
    report = build(sample, tmp_path / "out", replace=True)
    assert report.packed == report.shards
    build(sample, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
