"""Writes the files of a sample source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from m3it_builder.samples.world import Codec, World, encode, paint
from m3it_builder.storage.json_values import dumps

# Scene numbers of the image folders start far apart, so that the splits share no image.
_FIRST = {"train2014": 0, "val2014": 1_000_000, "train2017": 2_000_000, "val2017": 3_000_000}
_COCO_SOURCES = {
    "train2014": "coco-2014-train-images",
    "val2014": "coco-2014-val-images",
    "train2017": "coco-2017-train-images",
    "val2017": "coco-2017-val-images",
}


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


def coco_file_name(folder: str, number: int) -> str:
    """Return the file name of a COCO image: ``COCO_val2014_`` and the id, in 2017 the id alone."""
    prefix = f"COCO_{folder}_" if folder.endswith("2014") else ""
    return f"{prefix}{number:012d}.jpg"


def write_coco(sources: Path, world: World, folder: str, indices: Iterable[int]) -> None:
    """Write images of COCO, which several tasks share: ``train2014``, ``val2017`` and so on."""
    for index in indices:
        number = coco_number(folder, index)
        path = sources / _COCO_SOURCES[folder] / folder / coco_file_name(folder, number)
        write_scene(path, world, number)
