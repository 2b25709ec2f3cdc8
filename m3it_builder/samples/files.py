"""Writes the files of a sample source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from m3it_builder.samples.world import Codec, World, encode, paint
from m3it_builder.storage.json_values import dumps

# Scene numbers of the image folders start far apart, so that the splits share no image.
_FIRST = {"train2014": 0, "val2014": 1_000_000}


def write_json(path: Path, value: Any) -> None:
    """Write one JSON file and create its folder."""
    write_bytes(path, dumps(value))


def write_jsonl(path: Path, values: Iterable[Any]) -> None:
    """Write one JSON Lines file and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for value in values:
            file.write(dumps(value) + b"\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Write one file and create its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_scene(path: Path, world: World, number: int, codec: Codec = "jpeg") -> None:
    """Write the image of one scene."""
    write_bytes(path, encode(paint(world.scene(number)), codec))


def coco_number(folder: str, index: int) -> int:
    """Return the scene number of an image of a COCO folder by index; also its COCO id."""
    return _FIRST[folder] + index


def write_coco(sources: Path, world: World, folder: str, indices: Iterable[int]) -> None:
    """Write images of the COCO 2014 release, which several tasks share."""
    source = {"train2014": "coco-2014-train-images", "val2014": "coco-2014-val-images"}[folder]
    for index in indices:
        number = coco_number(folder, index)
        write_scene(sources / source / folder / f"COCO_{folder}_{number:012d}.jpg", world, number)
