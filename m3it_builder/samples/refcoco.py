"""RefCOCO's layout, and those of RefCOCO+ and RefCOCOg: expressions for drawn objects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from m3it_builder.samples.coco_instances import CATEGORIES, instances
from m3it_builder.samples.files import coco_number, write_bytes, write_coco, write_json
from m3it_builder.samples.python2_pickle import dumps
from m3it_builder.samples.world import World, place_of

RELEASES = {
    "refcoco": ("unc", ("train", "val", "testA", "testB")),
    "refcoco+": ("unc", ("train", "val", "testA", "testB")),
    "refcocog": ("umd", ("train", "val", "test")),
}
_FIRST = 500_000  # images of its own, so that sets do not share any with other tasks' splits


def write(world: World, sources: Path, number: int) -> None:
    """Write ``number`` references a part of each release."""
    for name, (by, parts) in RELEASES.items():
        places = list(islice(crowded(world), number * len(parts)))
        write_coco(sources, world, "train2014", places)
        refs = [
            reference(world, place, parts[order // number], name)
            for order, place in enumerate(places)
        ]
        write_release(sources, name, by, refs, instances(world, "train2014", places))


def crowded(world: World) -> Iterator[int]:
    """Yield the places of images that show two things or more: one alone needs no reference."""
    for place in count(_FIRST):
        if len(world.scene(coco_number("train2014", place)).things) > 1:
            yield place


def reference(world: World, place: int, part: str, name: str) -> dict[str, Any]:
    """Return the reference to the first thing of one image."""
    number = coco_number("train2014", place)
    thing = world.scene(number).things[0]
    said = [f"{thing.name} {place_of(thing)}", f"the {thing.name}"]
    if name == "refcoco+":
        said = said[1:]  # its players were not to speak of places
    if world.scene(number).count(thing.shape, thing.color) > 1:
        said = [f"{thing.name} {place_of(thing)}"]
    return {
        "sent_ids": [number * 10 + n for n in range(len(said))],
        "file_name": f"COCO_train2014_{number:012d}_{number * 10}.jpg",  # not the image's name
        "ann_id": number * 10,
        "ref_id": number,
        "image_id": number,
        "split": part,
        "sentences": [
            {"tokens": text.split(), "raw": text.upper(), "sent_id": number * 10 + n, "sent": text}
            for n, text in enumerate(said)
        ],
        "category_id": CATEGORIES[thing.shape],
    }


def write_release(
    sources: Path, name: str, by: str, refs: list[dict[str, Any]], coco: dict[str, Any]
) -> None:
    """Write the two official files of one release."""
    folder = sources / f"{name}-annotations" / name
    write_bytes(folder / f"refs({by}).p", dumps(refs))
    write_json(folder / "instances.json", coco)
