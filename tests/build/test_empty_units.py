"""A unit without rows is an error, and never replaces a good build."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.errors import EmptyUnitError, RejectShareError, SourceError
from m3it_builder.tasks.sampling import write_sample
from tests.support.building import PLAN, QUESTIONS, build, built_unit, images_of
from tests.support.paths import tree

LENIENT = replace(PLAN, max_reject_share=1.0)


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_annotation_file_without_a_line(tmp_path: Path, content: str) -> None:
    write_sample(load_task("nlvr"), tmp_path / "src", 8)
    build(tmp_path / "src", tmp_path / "out", task="nlvr")
    before = tree(tmp_path / "out")
    (annotations,) = (tmp_path / "src" / "nlvr2-annotations").rglob("train.json")
    annotations.write_text(content)
    for plan in (PLAN, LENIENT):
        with pytest.raises(SourceError, match=r"nlvr/train: .*train.json: no examples, where"):
            build(tmp_path / "src", tmp_path / "out", plan, "nlvr", replace=True)
        assert tree(tmp_path / "out") == before
    with pytest.raises(SourceError, match=r"`m3it fetch --verify --task nlvr`"):
        build(tmp_path / "src", tmp_path / "new", task="nlvr")


def test_json_file_with_an_empty_list(sources: Path, tmp_path: Path) -> None:
    value = json.loads((sources / QUESTIONS).read_text())
    (sources / QUESTIONS).write_text(json.dumps({**value, "questions": []}))
    with pytest.raises(EmptyUnitError, match="no row is left") as caught:
        build(sources, tmp_path / "out", LENIENT)
    assert caught.value.reasons == {"no_question": 120}


@pytest.mark.parametrize("loss", ["missing", "damaged"])
def test_no_row_is_left(sources: Path, tmp_path: Path, loss: str) -> None:
    """Missing images are rejected by the text phase, damaged ones while they are packed."""
    out = tmp_path / "out"
    build(sources, out)
    before = tree(out)
    for path in images_of(sources):
        if loss == "missing":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(EmptyUnitError, match="okvqa/train: no row is left: image_") as caught:
        build(sources, out, LENIENT, replace=True)
    assert sum(caught.value.reasons.values()) == built_unit(out).examples
    assert tree(out) == before
    assert Path(str(caught.value).rpartition(" ")[2]).is_file(), "the list of rejects"


def test_source_of_the_images_is_named(tmp_path: Path) -> None:
    """Sources that can replace each other are optional, so a build starts without any of them."""
    write_sample(load_task("vsr"), tmp_path / "src", 4)
    for folder in (tmp_path / "src").iterdir():
        if folder.name != "vsr-annotations":
            shutil.rmtree(folder)
    hint = f"no files in {tmp_path}/src/vsr-images/: get them with `m3it fetch vsr-images`"
    with pytest.raises(RejectShareError, match=f"image_missing .*{hint}, or see `m3it show vsr`"):
        build(tmp_path / "src", tmp_path / "out", task="vsr")
    with pytest.raises(EmptyUnitError, match=hint):
        build(tmp_path / "src", tmp_path / "out", LENIENT, "vsr")


def test_split_with_withheld_answers_may_be_empty(tmp_path: Path) -> None:
    task = load_task("visual-dialog")
    write_sample(task, tmp_path / "src", 4)
    work = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=PLAN)
    report = work.unit(task, "test")
    assert (report.status, report.rows) == ("built", 0)
