"""COCO image-text matching, which reads Karpathy's layout of COCO captions."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.samples import coco
from m3it_builder.samples.world import World

MIN_COUNT = 4  # images per split, needed for five captions to choose from


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split, at least as many as the task needs."""
    coco.write(world, sources, max(count, MIN_COUNT))
