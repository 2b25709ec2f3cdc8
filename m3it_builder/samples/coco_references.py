"""The layouts of RefCOCO, RefCOCO+ and RefCOCOg: expressions for synthetic objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.coco_instances import CATEGORIES, instances
from m3it_builder.samples.files import coco_number, write_bytes, write_coco, write_json
from m3it_builder.samples.python2_pickle import dumps
from m3it_builder.samples.world import Thing, World, describe_position, with_article

# Author of the splits, splits, and index of the first image: no release has images of another.
RELEASES = {
    "refcoco": ("unc", ("train", "val", "testA", "testB"), 500_000),
    "refcoco+": ("unc", ("train", "val", "testA", "testB"), 560_000),
    "refcocog": ("umd", ("train", "val", "test"), 620_000),
}


def write_references(world: World, sources: Path, number: int, name: str) -> None:
    """Write ``number`` references per split of one release."""
    by, file_splits, first = RELEASES[name]
    indices = list(islice(images_with_several_things(world, first), number * len(file_splits)))
    write_coco(sources, world, "train2014", indices)
    refs = [
        reference(world, index, file_splits[order // number], name)
        for order, index in enumerate(indices)
    ]
    write_release(sources, name, by, refs, instances(world, "train2014", indices))


def images_with_several_things(world: World, first: int) -> Iterator[int]:
    """Yield the indices of images with two things or more, one of them of a unique name."""
    for index in count(first):
        scene = world.scene(coco_number("train2014", index))
        if len(scene.things) > 1 and scene.unique:
            yield index


def reference(world: World, index: int, file_split: str, name: str) -> JsonObject:
    """Return the reference to a thing of one image, of a unique name if there is one."""
    number = coco_number("train2014", index)
    scene = world.scene(number)
    thing = (scene.unique or scene.things)[0]
    key = number * 10 + scene.things.index(thing)
    return {
        "sent_ids": [number * 10 + n for n in range(2)],
        "file_name": f"COCO_train2014_{number:012d}_{key}.jpg",  # not the image's name
        "ann_id": key,
        "ref_id": number,
        "image_id": number,
        "split": file_split,
        "sentences": [
            {"tokens": sent.split(), "raw": raw, "sent_id": number * 10 + n, "sent": sent}
            for n, (raw, sent) in enumerate(_expressions(thing, name))
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


def _expressions(thing: Thing, name: str) -> list[tuple[str, str]]:
    """Return two expressions as typed and as cleaned by the authors of the release."""
    where = describe_position(thing)
    if name == "refcoco":
        typed = (f"{thing.name} {where}", f"the {thing.name}")
    elif name == "refcoco+":  # positions were not allowed
        typed = (f"the {thing.name}", f"{thing.shape} w/ {thing.color} color")
    else:
        colored = with_article(f"{thing.color}-colored {thing.shape}")
        typed = (f"The picture's {thing.name} {where}", colored.capitalize())
    return [(text if name == "refcocog" else text.upper(), _cleaned(text)) for text in typed]


def _cleaned(text: str) -> str:
    return re.sub(r"(\W)", r" \1 ", text.lower().replace("w/", "with")).replace("   ", " ")
