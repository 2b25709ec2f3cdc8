"""Boxes: conversion from annotation formats, and the order of colors."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

from m3it_builder.records import Box, Region

# Assigned in this order: the first box is always red. All differ in hue or lightness.
COLORS = (
    "red",
    "green",
    "blue",
    "yellow",
    "magenta",
    "cyan",
    "orange",
    "purple",
    "white",
    "black",
)


def from_xywh(box: Sequence[float]) -> Box:
    """Return the corners of a box given as corner and size (COCO).

    Raises:
        TypeError: it has anything but numbers.
        ValueError: they are not four.
    """
    _require_numbers(box)
    x, y, width, height = box
    return (x, y, x + width, y + height)


def clipped(box: Box, size: tuple[int, int]) -> Box | None:
    """Return the part of a box inside its image, or None if less than a pixel wide or high.

    Args:
        box: corners, in pixels.
        size: width and height of the image.
    """
    x0, y0, x1, y1 = box
    inside = (max(x0, 0), max(y0, 0), min(x1, size[0]), min(y1, size[1]))
    has_area = inside[2] - inside[0] >= 1 and inside[3] - inside[1] >= 1
    return inside if has_area else None


def colored(boxes: Sequence[Box], labels: Sequence[str] = ()) -> tuple[Region, ...]:
    """Return regions in the order of the color table.

    Raises:
        TypeError: a box has anything but numbers.
        ValueError: there are more boxes than colors.
    """
    for box in boxes:
        _require_numbers(box)
    if len(boxes) > len(COLORS):
        raise ValueError(f"{len(boxes)} boxes, {len(COLORS)} colors")
    names = labels or [""] * len(boxes)
    return tuple(Region(*entry) for entry in zip(boxes, COLORS, names, strict=False))


def _require_numbers(box: Sequence[object]) -> None:
    # Strings can be added and compared too. A bool is an int, but no coordinate.
    wrong = [value for value in box if not isinstance(value, Real) or isinstance(value, bool)]
    if wrong:
        raise TypeError(f"the box {box!r} has {wrong[0]!r}, which is not a number")
