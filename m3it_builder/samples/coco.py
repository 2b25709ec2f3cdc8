"""Karpathy's ``dataset_coco.json`` with five captions per synthetic image."""

from __future__ import annotations

import re
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_number, write_coco, write_json
from m3it_builder.samples.world import World


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images in each of train, restval, val and test."""
    images = []
    for file_split, folder, first in (
        ("train", "train2014", 1),
        ("restval", "val2014", 1),
        ("val", "val2014", count + 1),
        ("test", "val2014", 2 * count + 1),
    ):
        indices = range(first, first + count)
        write_coco(sources, world, folder, indices)
        images += [image(world, file_split, folder, index) for index in indices]
    write_images(sources, images)


def image(world: World, file_split: str, folder: str, index: int) -> JsonObject:
    """Return the entry of one image."""
    number = coco_number(folder, index)
    sentences = [
        {
            "tokens": re.findall(r"\w+", raw.lower()),
            "raw": raw,
            "imgid": number,
            "sentid": number * 10 + n,
        }
        for n, raw in enumerate(world.scene(number).captions())
    ]
    return {
        "filepath": folder,
        "sentids": [sentence["sentid"] for sentence in sentences],
        "filename": f"COCO_{folder}_{number:012d}.jpg",
        "imgid": number,
        "split": file_split,
        "sentences": sentences,
        "cocoid": number,
    }


def write_images(sources: Path, images: list[JsonObject]) -> None:
    """Write the official file."""
    write_json(
        sources / "karpathy-splits" / "dataset_coco.json", {"images": images, "dataset": "coco"}
    )
