"""DocVQA in the older packing alone, and with the recognized text of the pages."""

from __future__ import annotations

import shutil
from pathlib import Path

from m3it_builder import load_task
from m3it_builder.samples.docvqa import FILES, write
from tests.support.conversion import WORLD, convert
from tests.support.paths import FIXTURES


def test_the_older_packing(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    write(WORLD, new, 2)
    for part, stem in FILES.items():
        folder = old / "docvqa-annotations"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(
            new / "docvqa-annotations" / f"{stem}.json",
            folder / f"{stem.removesuffix('_withQT')}.json",
        )
        shutil.copytree(new / "docvqa-images", old / "docvqa-old-layout" / part / "documents")
    task = load_task("docvqa")
    for split in task.card.splits:
        rows, rejects = convert(task, split, old)
        expected, expected_rejects = convert(task, split, new)
        texts = [(row.record.id, row.inputs, row.outputs) for row in rows]
        assert texts == [(row.record.id, row.inputs, row.outputs) for row in expected]
        assert rejects == expected_rejects


def test_lines_precede_the_question() -> None:
    task = load_task("docvqa").with_options({"ocr": "lines"})
    rows, rejects = convert(task, "train", FIXTURES / "docvqa" / "source")
    contexts = {row.record.id: row.record.context for row in rows}
    assert contexts["24000000"] == "OCR text:\nINVOICE\nTotal 9"
    assert contexts["24000001"] == ""
    assert ("24000002", "metadata_missing") in rejects


def test_lines_of_the_older_packing() -> None:
    task = load_task("docvqa").with_options({"ocr": "lines"})
    rows, rejects = convert(task, "validation", FIXTURES / "docvqa" / "source")
    assert [row.record.context for row in rows] == ["OCR text:\n12 MAY\nPAID"]
    assert rejects == [("25000001", "metadata_missing")]
