"""RefCOCO, RefCOCO+ and RefCOCOg: expressions for objects in COCO photographs.

References come as a Python 2 pickle whose ``file_name`` is no file; the picture
is found through ``instances.json``, where COCO's boxes are corner and size. All
splits are of train2014.
"""

from collections.abc import Iterator
from typing import Any

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import image_2014
from m3it_builder.formats.options import seeded
from m3it_builder.formats.regions import coloured, from_xywh

PARTS = {"train": ("train",), "validation": ("val",), "test": ("test", "testA", "testB")}
CANDIDATES = 5  # boxes to choose from, at the most


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record an expression, from region to words or from words to region."""
    name, by = str(source.option("release")).split("/")
    folder = f"{name}-annotations/{name}"
    instances = f"{folder}/instances.json"
    sizes = source.lookup(
        (i["id"], (i["width"], i["height"])) for i in source.items(instances, "images")
    )
    objects = source.lookup(
        (a["image_id"], (a["id"], a["category_id"], a["bbox"]))
        for a in source.items(instances, "annotations")
    )
    for ref in source.pickle(f"{folder}/refs({by}).p"):
        if ref["split"] not in PARTS[source.split]:
            continue
        near = {entry[0]: entry for entry in objects.all(ref["image_id"])}
        for said in ref["sentences"]:
            if ref["ann_id"] not in near:
                yield Reject(str(said["sent_id"]), "no_region", f"annotation {ref['ann_id']}")
                continue
            boxes = _boxes(source, near, ref["ann_id"], said["sent_id"])
            gold = [entry[0] for entry in boxes].index(ref["ann_id"])
            yield Record(
                id=str(said["sent_id"]),
                turns=(_turn(source, said["sent"].strip(), gold, len(boxes)),),
                images=(
                    image_2014(source, "train2014", ref["image_id"], tuple(sizes[ref["image_id"]])),
                ),
                regions=coloured([from_xywh(entry[2]) for entry in boxes]),
                meta={"ref_id": ref["ref_id"], "ann_id": ref["ann_id"], "raw": said["raw"],
                      "image_id": ref["image_id"], "part": ref["split"]},
            )  # fmt: skip


def _boxes(source: Source, near: dict[int, Any], gold: int, key: int) -> list[Any]:
    """Return the object's box, among others of the picture where one has to be chosen."""
    if source.option("direction") == "describe" or source.option("boxes") == "text":
        return [near[gold]]
    dice = seeded(source.task, key)
    others = [entry for number, entry in near.items() if number != gold]
    dice.shuffle(others)
    others.sort(key=lambda entry: entry[1] != near[gold][1])  # of the same kind first: harder
    chosen = [near[gold], *others[: CANDIDATES - 1]]
    dice.shuffle(chosen)
    return chosen


def _turn(source: Source, words: str, gold: int, count: int) -> Turn:
    if source.option("direction") == "describe":
        return Turn("{box:0}", words)
    choices = tuple(f"{{box:{n}}}" for n in range(count)) if count > 1 else ()
    return Turn(words, f"{{box:{gold}}}", choices, gold if choices else None)
