"""Boxes: conversion from annotation formats, and the order of colors."""

from __future__ import annotations

from collections.abc import Sequence

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
    """Return the corners of a box given as corner and size (COCO)."""
    x, y, width, height = box
    return (x, y, x + width, y + height)


def colored(boxes: Sequence[Box], labels: Sequence[str] = ()) -> tuple[Region, ...]:
    """Return regions in the order of the color table.

    Raises:
        ValueError: there are more boxes than colors.
    """
    if len(boxes) > len(COLORS):
        raise ValueError(f"{len(boxes)} boxes, {len(COLORS)} colors")
    names = labels or [""] * len(boxes)
    return tuple(Region(*entry) for entry in zip(boxes, COLORS, names, strict=False))
