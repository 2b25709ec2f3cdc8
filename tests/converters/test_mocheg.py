"""MOCHEG: the options for evidence."""

from __future__ import annotations

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
