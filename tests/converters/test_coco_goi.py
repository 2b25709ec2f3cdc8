"""Candidates and boxes of coco-goi."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.dataset.reader import read_rows, read_units
from m3it_builder.records import Record
from tests.support import genuine
from tests.support.conversion import convert
from tests.support.paths import FIXTURES
from tests.support.slices import real_folder

SOURCE = FIXTURES / "coco-goi" / "source"


def records(**options: str) -> dict[str, Record]:
    task = load_task("coco-goi").with_options(options)
    return {row.record.id: row.record for row in convert(task, "train", SOURCE)[0]}


def categories_by_image() -> dict[int, set[str]]:
    folder = SOURCE / "coco-2017-annotations" / "annotations"
    value = json.loads((folder / "instances_train2017.json").read_text())
    names = {entry["id"]: entry["name"] for entry in value["categories"]}
    present: dict[int, set[str]] = {}
    for entry in value["annotations"]:
        present.setdefault(entry["image_id"], set()).add(names[entry["category_id"]])
    return present


@pytest.mark.parametrize("count", [24, 6, 34])
def test_candidates(count: int) -> None:
    """The categories of the image are among them, unless there are too many."""
    present = categories_by_image()
    for record in records(candidates=str(count)).values():
        (turn,) = record.turns
        assert len(turn.choices) == len(set(turn.choices)) == count
        assert turn.gold is not None
        assert turn.choices[turn.gold] == turn.answer
        own = present[record.meta["image_id"]]
        assert turn.answer in own
        assert len(own & set(turn.choices)) == min(len(own), count)


def test_gold_is_not_always_in_the_same_place() -> None:
    places = Counter(record.turns[0].gold for record in records().values())
    assert max(places.values()) < len(records()) / 2


def test_boxes_end_at_the_border() -> None:
    boxes = {key: record.regions[0].box for key, record in records().items()}
    assert boxes["901"] == (0, 4.0, 19.75, 36)
    assert boxes["905"] == (8, 6, 20, 15)


def test_genuine_boxes_and_names(tmp_path: Path) -> None:
    case = next(case for case in genuine.slices() if case.name == "coco-goi-validation")
    genuine.build(case, tmp_path)
    value = json.loads((real_folder("coco") / "annotations" / "instances_val2017.json").read_text())
    names = {entry["id"]: entry["name"] for entry in value["categories"]}
    truth = {str(entry["id"]): entry for entry in value["annotations"]}
    folder = tmp_path / "out" / "coco-goi"
    for row in read_rows(folder, read_units(folder, "validation")[0]):
        annotation = truth[row.row.id]
        assert row.row.outputs.endswith(f") {names[annotation['category_id']]}")
        assert row.row.inputs.startswith("Options:\n(A) ")
        assert row.row.inputs.count("\n") == 24
        x, y, width, height = annotation["bbox"]
        (region,) = row.row.regions
        assert region.color == "red"
        assert region.box == pytest.approx((x, y, x + width, y + height), abs=1)
