"""RefCOCOg's layout: longer expressions, typed and tokenized."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.samples.coco_references import write_references
from m3it_builder.samples.world import World


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` references per split."""
    write_references(world, sources, count, "refcocog")
