"""The layouts of RefCOCO, RefCOCO+ and RefCOCOg: expressions for synthetic objects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.coco_instances import CATEGORIES, instances
from m3it_builder.samples.files import coco_number, write_bytes, write_coco, write_json
from m3it_builder.samples.python2_pickle import dumps
from m3it_builder.samples.world import World, describe_position

RELEASES = {
    "refcoco": ("unc", ("train", "val", "testA", "testB")),
    "refcoco+": ("unc", ("train", "val", "testA", "testB")),
    "refcocog": ("umd", ("train", "val", "test")),
}
_FIRST = 500_000  # its own images, so that it shares none with the splits of other tasks


def write(world: World, sources: Path, number: int) -> None:
    """Write ``number`` references per split of each release."""
    for name, (by, file_splits) in RELEASES.items():
        indices = list(islice(images_with_several_things(world), number * len(file_splits)))
        write_coco(sources, world, "train2014", indices)
        refs = [
            reference(world, index, file_splits[order // number], name)
            for order, index in enumerate(indices)
        ]
        write_release(sources, name, by, refs, instances(world, "train2014", indices))


def images_with_several_things(world: World) -> Iterator[int]:
    """Yield the indices of images with two things or more: a single one needs no reference."""
    for index in count(_FIRST):
        if len(world.scene(coco_number("train2014", index)).things) > 1:
            yield index


def reference(world: World, index: int, file_split: str, name: str) -> JsonObject:
    """Return the reference to the first thing of one image."""
    number = coco_number("train2014", index)
    thing = world.scene(number).things[0]
    expressions = [f"{thing.name} {describe_position(thing)}", f"the {thing.name}"]
    if name == "refcoco+":
        expressions = expressions[1:]  # its annotators were not allowed to mention positions
    if world.scene(number).count(thing.shape, thing.color) > 1:
        expressions = [f"{thing.name} {describe_position(thing)}"]
    return {
        "sent_ids": [number * 10 + n for n in range(len(expressions))],
        "file_name": f"COCO_train2014_{number:012d}_{number * 10}.jpg",  # not the image's name
        "ann_id": number * 10,
        "ref_id": number,
        "image_id": number,
        "split": file_split,
        "sentences": [
            {"tokens": text.split(), "raw": text.upper(), "sent_id": number * 10 + n, "sent": text}
            for n, text in enumerate(expressions)
        ],
        "category_id": CATEGORIES[thing.shape],
    }


def write_release(
    sources: Path, name: str, by: str, refs: list[JsonObject], coco: JsonObject
) -> None:
    """Write the two official files of one release."""
    folder = sources / f"{name}-annotations" / name
    write_bytes(folder / f"refs({by}).p", dumps(refs))
    write_json(folder / "instances.json", coco)
