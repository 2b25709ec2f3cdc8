"""Whole builds: the same bytes every time, and every example accounted for."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.build import commit, image_phase
from m3it_builder.dataset.reader import read_rows
from tests.support.building import (
    PLAN,
    build,
    built_unit,
    interrupt,
    reject_rows,
)
from tests.support.paths import ALL, FIXTURES, tree


def test_workers_and_directory_order_change_nothing(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = tmp_path / "shuffled"
    files = [path for path in sample.rglob("*") if path.is_file()]
    random.Random(1).shuffle(files)
    for path in files:  # the same tree, created in another order
        target = shuffled / path.relative_to(sample)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    for task in ("okvqa", "nlvr"):
        report = build(sample, tmp_path / "one", task=task)
        assert report.shards > 8, "several shards per format"
        build(sample, tmp_path / "two", task=task, workers=2)
    scandir = os.scandir

    def reversed_scandir(path: Any = ".") -> Any:
        return _Listing(sorted(scandir(path), key=lambda entry: entry.name, reverse=True))

    monkeypatch.setattr(os, "scandir", reversed_scandir)
    for task in ("okvqa", "nlvr"):
        build(shuffled, tmp_path / "three", task=task)
    monkeypatch.undo()
    one = tree(tmp_path / "one")
    assert one == tree(tmp_path / "two") == tree(tmp_path / "three")
    assert len(one) > 40


class _Listing(list[os.DirEntry[str]]):
    def __enter__(self) -> _Listing:
        return self

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None: ...


def test_every_format_has_the_bytes_of_the_source(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path, task="nlvr")
    unit = built_unit(tmp_path, "nlvr")
    rows = list(read_rows(tmp_path / "nlvr", unit))
    assert len(rows) == unit.instances == 120
    folder = sample / "nlvr2-images"
    for row in rows:
        names = [image.name.removeprefix("nlvr2-images/") for image in row.row.images]
        assert row.images == tuple((folder / name).read_bytes() for name in names)
    positions = [3, 17, 118]
    for name in ALL:
        assert [r.images for r in read_rows(tmp_path / "nlvr", unit, positions, name)] == [
            rows[position].images for position in positions
        ]


def test_every_example_is_a_row_or_a_reject(tmp_path: Path) -> None:
    plan = replace(PLAN, max_reject_share=1.0)
    build(FIXTURES / "okvqa" / "source", tmp_path, plan)
    unit = built_unit(tmp_path)
    assert unit.examples == 9 == unit.instances + sum(unit.rejects.values())
    assert {row["id"]: row["reason"] for row in reject_rows(tmp_path)} == {
        "901": "no_answer",
        "902": "image_missing",
        "903": "empty_output",
        "15": "duplicate_id",
        "904": "no_question",
    }


def test_plan_does_not_touch_unfinished_work(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = replace(PLAN, limit=10)
    assert build(sample, tmp_path, plan_only=True).status == "planned"
    with monkeypatch.context() as patch:
        patch.setattr(commit, "merge", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(sample, tmp_path)
    build(sample, tmp_path, limited, plan_only=True)
    build(sample, tmp_path, plan_only=True)
    monkeypatch.setattr(image_phase, "pack", None)  # no shard is left to be packed
    assert build(sample, tmp_path).rows == 120
    assert build(sample, tmp_path, plan_only=True).rows == 120
    assert not (tmp_path / "okvqa" / ".m3it" / "train" / "work").exists()


def test_a_plan_without_spool_is_resumed(sample: Path, tmp_path: Path) -> None:
    """The spool of a plan is kept if there is no other work, and a build resumes from it."""
    build(sample, tmp_path, plan_only=True)
    spool = tmp_path / "okvqa/.m3it/train/work/spool.sqlite"
    before = spool.stat().st_ino, spool.stat().st_mtime_ns
    build(sample, tmp_path, plan_only=True)
    assert (spool.stat().st_ino, spool.stat().st_mtime_ns) == before
    planned = build(sample, tmp_path, plan_only=True)
    built = build(sample, tmp_path)
    assert (planned.rows, planned.shards) == (built.rows, built.shards)
    assert built.bytes < planned.bytes < 2 * built.bytes, "an estimate, rather too high"
