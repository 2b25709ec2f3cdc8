"""VCR: names of objects."""

from __future__ import annotations

import pytest

from m3it_builder.converters.vcr import NAMES

COCO_NAMES_WITH_SPACES = [
    "traffic light", "fire hydrant", "stop sign", "parking meter", "sports ball", "baseball bat",
    "baseball glove", "tennis racket", "wine glass", "hot dog", "potted plant", "dining table",
    "cell phone", "teddy bear", "hair drier",
]  # fmt: skip


@pytest.mark.parametrize("name", COCO_NAMES_WITH_SPACES)
def test_glued_names_of_classes(name: str) -> None:
    assert NAMES[name.replace(" ", "")] == name


def test_other_names_are_kept() -> None:
    assert len(NAMES) == len(COCO_NAMES_WITH_SPACES) + 1
    assert NAMES["tv"] == "TV"
