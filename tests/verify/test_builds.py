"""``m3it verify`` finds no fault in clean builds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.plan import PipelineFile
from tests.support.verifying import PLAN, build, kinds, verdict


def test_no_fault_in_a_build_of_every_task(every_task: tuple[Path, list[str]]) -> None:
    folder, names = every_task
    found = verdict(folder / "out")
    assert kinds(found) == {}
    assert found.units == sum(len(load_task(name).card.splits) for name in names)
    assert found.rows > 100
    assert found.bytes > 1_000_000


def test_every_image_of_every_task_is_found_in_its_source(
    every_task: tuple[Path, list[str]],
) -> None:
    """Files, members, frames of videos and cells of arrays alike."""
    folder, names = every_task
    for name in names:
        found = verdict(folder / "out", quick=True, tasks=(name,), sources=folder / "src" / name)
        assert kinds(found) == {}, name
        assert found.unchecked == {}
        assert bool(found.from_sources) == bool(found.images), name


@pytest.mark.parametrize("name", ["mixed", "science-qa", "refcoco"])
def test_no_fault_in_smaller_and_other_builds(base: Path, tmp_path: Path, name: str) -> None:
    for number, plan in enumerate(
        (
            replace(PLAN, limit=2),
            replace(PLAN, images="base64"),
            replace(PLAN, formats=("jsonl",)),
            replace(PLAN, formats=("webdataset",), file=PipelineFile()),
        )
    ):
        build(base / "src", tmp_path / str(number), name, plan)
        assert kinds(verdict(tmp_path / str(number))) == {}


def test_rows_lost_while_packing_are_no_fault(base: Path, tmp_path: Path) -> None:
    sources = tmp_path / "src" / "mixed"
    shutil.copytree(base / "src" / "mixed", sources)
    for path in sources.rglob("*.jpg"):
        path.write_bytes(b"")  # found to be bad when shards are packed
    for images in ("bytes", "base64"):
        plan = replace(PLAN, max_reject_share=1.0, images=images)
        build(tmp_path / "src", tmp_path / images, "mixed", plan)
        found = verdict(tmp_path / images)
        assert kinds(found) == {}
        assert found.rows == 4


def test_a_unit_without_rows_has_no_fault(base: Path, tmp_path: Path) -> None:
    sources = tmp_path / "src" / "refcoco"
    shutil.copytree(base / "src" / "refcoco", sources)
    images = sorted((sources / "coco-2014-train-images").rglob("*.jpg"))
    for path in images:
        path.write_bytes(b"")
    plan = replace(PLAN, max_reject_share=1.0)
    build(tmp_path / "src", tmp_path / "packed", "refcoco", plan)
    found = verdict(tmp_path / "packed")
    assert (kinds(found), found.rows, found.units) == ({}, 0, 3)
    assert found.bytes > 0, "shards without rows are shards"
    for path in images:
        path.unlink()
    build(tmp_path / "src", tmp_path / "located", "refcoco", plan)
    found = verdict(tmp_path / "located")
    assert (kinds(found), found.rows, found.bytes) == ({}, 0, 0)
    assert not (tmp_path / "located" / "refcoco" / "README.md").exists()
