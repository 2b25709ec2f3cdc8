"""Boxes: from the forms that annotations use to ours, and the order of colors."""

from __future__ import annotations

from collections.abc import Sequence

from m3it_builder.records import Box, Region

# In this order, so that the first box is always red; all differ in hue or lightness.
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
    """Return a box given as corner and size, as COCO has it, by its two corners."""
    x, y, width, height = box
    return (x, y, x + width, y + height)


def colored(boxes: Sequence[Box], labels: Sequence[str] = ()) -> tuple[Region, ...]:
    """Return regions in the colors of the table, one after the other.

    Raises:
        ValueError: there are more boxes than colors.
    """
    if len(boxes) > len(COLORS):
        raise ValueError(f"{len(boxes)} boxes, {len(COLORS)} colors")
    names = labels or [""] * len(boxes)
    return tuple(Region(*entry) for entry in zip(boxes, COLORS, names, strict=False))
