"""The layout of COCO's instance annotations, with a category for each colored shape."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.coco_instances import FINE_CATEGORIES, instances
from m3it_builder.samples.files import write_coco, write_json
from m3it_builder.samples.world import World

FOLDERS = ("train2017", "val2017")


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split with their objects."""
    for folder in FOLDERS:
        indices = range(1, count + 1)
        write_coco(sources, world, folder, indices)
        write_instances(sources, folder, content(world, folder, indices))


def content(world: World, folder: str, indices: Iterable[int]) -> JsonObject:
    """Return the content of the official file for images of one folder."""
    return instances(world, folder, indices, FINE_CATEGORIES)


def write_instances(sources: Path, folder: str, value: JsonObject) -> None:
    """Write the official file."""
    write_json(sources / f"coco-2017-annotations/annotations/instances_{folder}.json", value)
