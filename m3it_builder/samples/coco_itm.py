"""COCO image-text matching reads Karpathy's layout of COCO captions."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.samples import coco
from m3it_builder.samples.world import World

LEAST = 4  # images a part: five captions to choose from need that many


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images a part, at least as many as the task needs."""
    coco.write(world, sources, max(count, LEAST))
