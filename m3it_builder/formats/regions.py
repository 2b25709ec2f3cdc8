"""Boxes: from the forms that annotations use to ours, and the order of colours."""

from __future__ import annotations

from collections.abc import Sequence

from m3it_builder.records import Box, Region

# In this order, so that the first box is always red; all differ in hue or lightness.
COLOURS = (
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


def coloured(boxes: Sequence[Box], labels: Sequence[str] = ()) -> tuple[Region, ...]:
    """Return regions in the colours of the table, one after the other.

    Raises:
        ValueError: there are more boxes than colours.
    """
    if len(boxes) > len(COLOURS):
        raise ValueError(f"{len(boxes)} boxes, {len(COLOURS)} colours")
    names = labels or [""] * len(boxes)
    return tuple(Region(*entry) for entry in zip(boxes, COLOURS, names, strict=False))
