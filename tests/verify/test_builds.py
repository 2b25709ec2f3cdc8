"""``m3it verify`` reports no findings for clean builds."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.plan import PipelineFile
from tests.support.verifying import PLAN, build, counts, verify


def test_no_findings_in_a_build_of_every_task(every_task: tuple[Path, list[str]]) -> None:
    folder, names = every_task
    report = verify(folder / "out")
    assert counts(report) == {}
    assert report.units == sum(len(load_task(name).card.splits) for name in names)
    assert report.rows > 100
    assert report.bytes > 1_000_000


def test_every_image_of_every_task_equals_its_source(every_task: tuple[Path, list[str]]) -> None:
    """Files, archive members, frames of videos and cells of arrays."""
    folder, names = every_task
    for name in names:
        report = verify(folder / "out", quick=True, tasks=(name,), sources=folder / "src" / name)
        assert counts(report) == {}, name
        assert report.unchecked == {}
        assert bool(report.from_sources) == bool(report.images), name


@pytest.mark.parametrize("name", ["mixed", "science-qa", "refcoco"])
def test_no_findings_with_other_plans(base: Path, tmp_path: Path, name: str) -> None:
    for number, plan in enumerate(
        (
            replace(PLAN, limit=2),
            replace(PLAN, images="base64"),
            replace(PLAN, formats=("jsonl",)),
            replace(PLAN, formats=("webdataset",), file=PipelineFile()),
        )
    ):
        build(base / "src", tmp_path / str(number), name, plan)
        assert counts(verify(tmp_path / str(number))) == {}


def test_no_findings_when_packing_rejects_rows(base: Path, tmp_path: Path) -> None:
    sources = tmp_path / "src" / "mixed"
    shutil.copytree(base / "src" / "mixed", sources)
    for path in sources.rglob("*.jpg"):
        path.write_bytes(b"")  # rejected when shards are packed
    for images in ("bytes", "base64"):
        plan = replace(PLAN, max_reject_share=1.0, images=images)
        build(tmp_path / "src", tmp_path / images, "mixed", plan)
        report = verify(tmp_path / images)
        assert counts(report) == {}
        assert report.rows == 4
