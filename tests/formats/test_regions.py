"""Boxes and colors."""

from __future__ import annotations

from typing import Any

import pytest

from m3it_builder.formats.regions import COLORS, clipped, colored, from_xywh
from m3it_builder.media.images import COLORS as RGB
from m3it_builder.records import Box


def test_boxes_get_the_colors_in_order() -> None:
    assert from_xywh([1, 2, 10, 20]) == (1, 2, 11, 22)
    regions = colored([(0, 0, 1, 1)] * 3, ["cat", "dog", "cat"])
    assert [(r.color, r.label) for r in regions] == [
        ("red", "cat"),
        ("green", "dog"),
        ("blue", "cat"),
    ]
    with pytest.raises(ValueError, match="11 boxes, 10 colors"):
        colored([(0, 0, 1, 1)] * 11)


def test_every_color_can_be_drawn() -> None:
    assert set(COLORS) == set(RGB)


@pytest.mark.parametrize("box", [["1", "2", "3", "4"], [1, 2, None, 4], [1, 2, True, 4], "1234"])
def test_boxes_of_anything_but_numbers_are_errors(box: Any) -> None:
    with pytest.raises(TypeError, match="which is not a number"):
        from_xywh(box)
    with pytest.raises(TypeError, match="which is not a number"):
        colored([box])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((2, 3, 10, 9), (2, 3, 10, 9)),
        ((-0.5, -4, 10.25, 9), (0, 0, 10.25, 9)),
        ((40, 30, 50.5, 99), (40, 30, 48, 36)),
        ((4, 4, 5, 5), (4, 4, 5, 5)),
        ((4, 4, 4.5, 20), None),
        ((47.5, 4, 60, 20), None),
        ((60, 4, 70, 20), None),
        ((9, 9, 2, 2), None),
    ],
)
def test_clipped(box: Box, expected: Box | None) -> None:
    assert clipped(box, (48, 36)) == expected
