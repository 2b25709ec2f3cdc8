"""TextVQA with the words that Rosetta recognized."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from tests.support.conversion import convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "text-vqa" / "source"


def test_tokens_precede_the_question() -> None:
    task = load_task("text-vqa").with_options({"ocr": "tokens"})
    rows, _ = convert(task, "train", SOURCE)
    inputs = {int(row.record.id) - 27_000_000: row.inputs for row in rows}
    question = "what does the label say?"
    assert inputs == {
        0: f"OCR tokens: SALE\n{question}",
        1: question,  # nothing was recognized
        2: question,  # nothing but blanks
        3: f"OCR tokens: STOP, ALL, WAY\n{question}",
        6: "which brand?",  # not listed
        8: f"OCR tokens: EXIT\n{question}",
    }


def test_tokens_are_those_of_the_split() -> None:
    task = load_task("text-vqa").with_options({"ocr": "tokens"})
    rows, _ = convert(task, "validation", SOURCE)
    assert [row.inputs.partition("\n")[0] for row in rows] == [
        "OCR tokens: BOOKS",
        "OCR tokens: HOTEL",
    ]


def test_the_file_of_tokens_is_needed_by_the_option_only(tmp_path: Path) -> None:
    for name in ("textvqa-annotations", "openimages-textvqa-trainval-images"):
        (tmp_path / name).symlink_to(SOURCE / name)
    task = load_task("text-vqa")
    rows, _ = convert(task, "train", tmp_path)
    assert [row.record.context for row in rows] == [""] * 7
    with pytest.raises(SourceError, match="m3it fetch textvqa-rosetta-ocr"):
        convert(task.with_options({"ocr": "tokens"}), "train", tmp_path)
