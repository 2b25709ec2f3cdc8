"""RefCOCO, RefCOCO+ and RefCOCOg: expressions for objects in COCO photographs.

References come as a Python 2 pickle whose ``file_name`` is no file; the image
is found through ``instances.json``, where COCO's boxes are corner and size. All
splits are of train2014.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from m3it_builder import Image, Record, Reject, Source, Turn
from m3it_builder.formats.coco import image_2014
from m3it_builder.formats.options import seeded
from m3it_builder.formats.regions import colored, from_xywh

PARTS = {"train": ("train",), "validation": ("val",), "test": ("test", "testA", "testB")}
CANDIDATES = 5  # boxes to choose from, at the most
Objects = Mapping[int, tuple[int, Sequence[float]]]  # category and box of each object of an image


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record an expression, from region to words or from words to region."""
    name, by = str(source.option("release")).split("/")
    folder = f"{name}-annotations/{name}"
    images = source.items(f"{folder}/instances.json", "images")
    sizes = source.lookup((i["id"], (i["width"], i["height"])) for i in images)
    objects = source.lookup(
        (a["image_id"], (a["id"], a["category_id"], a["bbox"]))
        for a in source.items(f"{folder}/instances.json", "annotations")
    )
    for ref in source.pickle(f"{folder}/refs({by}).p"):
        if ref["split"] not in PARTS[source.split]:
            continue
        number = ref["image_id"]
        near = {entry[0]: (entry[1], entry[2]) for entry in objects.all(number)}
        image = image_2014(source, "train2014", number, tuple(sizes[number]))
        for said in ref["sentences"]:
            yield _record(source, ref, said, near, image)


def _record(source: Source, ref: Any, said: Any, near: Objects, image: Image) -> Record | Reject:
    key, gold, words = str(said["sent_id"]), ref["ann_id"], said["sent"].strip()
    if gold not in near:
        return Reject(key, "no_region", f"annotation {gold}")
    if not words:
        return Reject(key, "no_expression", f"typed {said['raw']!r}")
    chooses = source.option("direction") == "locate" and source.option("boxes") == "drawn"
    shown = _candidates(f"{source.task}/{key}", near, gold) if chooses else [gold]
    if chooses and len(shown) == 1:
        return Reject(key, "nothing_to_choose")
    place = shown.index(gold)
    names = tuple(f"{{box:{n}}}" for n in range(len(shown)))
    turn = Turn(words, names[place], names if chooses else (), place if chooses else None)
    return Record(
        id=key,
        turns=(Turn(names[0], words) if source.option("direction") == "describe" else turn,),
        images=(image,),
        regions=colored([from_xywh(near[number][1]) for number in shown]),
        meta={key: ref[key] for key in ("ref_id", "ann_id", "image_id", "split")}
        | {"raw": said["raw"]},
    )


def _candidates(key: str, near: Objects, gold: int) -> list[int]:
    """Return the object among others of its image, those of its own kind first: harder."""
    dice = seeded(key)
    others = [number for number in near if number != gold]
    dice.shuffle(others)
    others.sort(key=lambda number: near[number][0] != near[gold][0])
    shown = [gold, *others[: CANDIDATES - 1]]
    dice.shuffle(shown)
    return shown
