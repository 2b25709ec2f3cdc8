"""Rows of an unknown split are errors, blank questions rejects: neither vanishes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m3it_builder import load_task
from m3it_builder.errors import ConvertError
from m3it_builder.tasks.sampling import write_sample
from tests.support.conversion import convert

COCO = "karpathy-splits/dataset_coco.json"
PROBLEMS = "scienceqa-annotations/problems.json"
BOOKS = "ocr-vqa-annotations/dataset.json"
TEXTS = "coco-text-v1/COCO_Text.json"
QUESTIONS = "okvqa-annotations/OpenEnded_mscoco_train2014_questions.json"


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def first(values: dict[str, Any]) -> Any:
    return next(iter(values.values()))


@pytest.mark.parametrize(
    ("name", "file", "change"),
    [
        ("science-qa", PROBLEMS, lambda data: first(data).update(split="Train")),
        ("coco", COCO, lambda data: data["images"][0].update(split="trian")),
        ("coco-text", TEXTS, lambda data: first(data["imgs"]).update(set=None)),
        ("ocr-vqa", BOOKS, lambda data: first(data).update(split=4)),
    ],
)
def test_rows_of_an_unknown_split_are_errors(
    tmp_path: Path, name: str, file: str, change: Callable[[Any], object]
) -> None:
    task = load_task(name)
    write_sample(task, tmp_path, 2)
    edit(tmp_path / file, change)
    for split in task.card.splits:
        with pytest.raises(ConvertError, match=rf"{file}.*the split .* is none of train, val"):
            convert(task, split, tmp_path)


def test_references_of_an_unknown_split_are_errors(tmp_path: Path) -> None:
    task = load_task("refcoco")
    write_sample(task, tmp_path, 2)
    path = tmp_path / "refcoco-annotations/refcoco/refs(unc).p"
    path.write_bytes(path.read_bytes().replace(b"testB", b"testC"))
    with pytest.raises(ConvertError, match=r"the split 'testC' is none of .*testA, testB"):
        convert(task, "train", tmp_path)


def test_boxes_of_strings_are_errors(tmp_path: Path) -> None:
    task = load_task("refcoco")
    write_sample(task, tmp_path, 2)

    def spell(data: Any) -> None:
        for entry in data["annotations"]:
            entry["bbox"] = [str(number) for number in entry["bbox"]]

    edit(tmp_path / "refcoco-annotations/refcoco/instances.json", spell)
    with pytest.raises(ConvertError, match="which is not a number"):
        convert(task, "train", tmp_path)


@pytest.mark.parametrize("question", ["", " \n"])
@pytest.mark.parametrize(
    ("name", "file", "row"),
    [
        ("science-qa", PROBLEMS, first),
        ("okvqa", QUESTIONS, lambda data: data["questions"][0]),
    ],
)
def test_blank_questions_are_rejects(
    tmp_path: Path, name: str, file: str, row: Callable[[Any], Any], question: str
) -> None:
    task = load_task(name)
    write_sample(task, tmp_path, 2)
    edit(tmp_path / file, lambda data: row(data).update(question=question))
    instances, rejects = convert(task, "train", tmp_path)
    assert [reason for _, reason in rejects] == ["no_question"]
    assert len(instances) == 1
