"""MOCHEG: the options for evidence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from tests.support.conversion import convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "mocheg" / "source"
LINES = ["First, a page, with a line break. It goes on.",
         "It was 48 pixels wide. Some of it may be lost."]  # fmt: skip


@pytest.mark.parametrize(("value", "count"), [("all", 2), ("first", 1), ("none", 0)])
def test_text_evidence(value: str, count: int) -> None:
    task = load_task("mocheg").with_options({"evidence": value})
    rows, _ = convert(task, "train", SOURCE)
    assert rows[0].record.context.splitlines() == LINES[:count]
    assert rows[0].inputs.splitlines()[count].startswith("Before it was cut")
    assert rows[0].record.meta["evidence_texts"] == 2


def test_number_of_images() -> None:
    counts = {}
    for limit in ("1", "8", "32"):
        rows, _ = convert(load_task("mocheg").with_options({"images": limit}), "train", SOURCE)
        counts[limit] = {row.record.id: len(row.record.images) for row in rows}
    assert {limit: by_id["102"] for limit, by_id in counts.items()} == {"1": 1, "8": 8, "32": 12}
    assert [row.record.meta["evidence_images"] for row in rows if row.record.id == "102"] == [12]


def test_images_are_those_of_the_claim() -> None:
    """A claim whose number another one starts with has its own images only."""
    rows, _ = convert(load_task("mocheg"), "train", SOURCE)
    images = {row.record.id: [image.name for image in row.record.images] for row in rows}
    assert all(
        f"/{int(number):05d}-proof-" in name for number, names in images.items() for name in names
    )
    assert not any("01001-proof" in name for names in images.values() for name in names)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "source")
    folder = tmp_path / "source" / "mocheg" / "mocheg" / "train"
    text = (folder / "Corpus2.csv").read_text()
    cells = "0,Q7,u,h,Is it?,supported,<p>Yes.</p>,0,<p>It is.</p>,"
    (folder / "Corpus2.csv").write_text(f"{text.rstrip()}\n{cells}\n")
    image = folder / "images" / "00100-proof-00-left-third.jpg"
    shutil.copy(image, folder / "images" / "Thumbs-proof-00-x.jpg")
    rows, rejects = convert(load_task("mocheg"), "train", tmp_path / "source")
    before, rejects_before = convert(load_task("mocheg"), "train", SOURCE)
    assert [row.record.id for row in rows] == [row.record.id for row in before]
    assert sorted(rejects) == sorted([*rejects_before, ("Q7", "not_chosen")])
