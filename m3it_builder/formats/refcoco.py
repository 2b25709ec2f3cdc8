"""RefCOCO, RefCOCO+ and RefCOCOg: expressions for objects in COCO photographs.

References are a Python 2 pickle whose ``file_name`` is not the image's; the image is
found by its id, and ``instances.json`` has sizes and boxes (corner and size). All splits
are from train2014.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from m3it_builder.formats.coco import image_2014
from m3it_builder.formats.options import seeded
from m3it_builder.formats.regions import colored, from_xywh
from m3it_builder.records import Image, Record, Reject, Split, Turn
from m3it_builder.sources.source import Source

TESTS: Mapping[str, Split] = {"testA": "test", "testB": "test"}  # people, and other objects
CANDIDATES = 5  # maximum number of boxes to choose from
Objects = Mapping[int, tuple[int, Sequence[float]]]  # id to (category, box), of one image
Wording = Literal["sent", "raw"]  # as cleaned by the authors, or as typed


def expressions(source: Source, release: str, wording: Wording) -> Iterator[Record | Reject]:
    """Yield one record per expression, from region to words or from words to region.

    Reads the options ``splits`` (their author), ``direction`` and ``boxes`` of the card.

    Args:
        source: with ``<release>-annotations`` and the images of COCO's train2014.
        release: ``refcoco``, ``refcoco+`` or ``refcocog``.
        wording: field that becomes the text; the other one is kept in ``meta``.
    """
    other: Wording = "raw" if wording == "sent" else "sent"
    folder = f"{release}-annotations/{release}"
    images = source.items(f"{folder}/instances.json", "images")
    sizes = source.lookup((i["id"], (i["width"], i["height"])) for i in images)
    objects = source.lookup(
        (a["image_id"], (a["id"], a["category_id"], a["bbox"]))
        for a in source.items(f"{folder}/instances.json", "annotations")
    )
    for ref in source.pickle(f"{folder}/refs({source.option('splits')}).p"):
        if not source.in_split(ref["split"], TESTS):
            continue
        number = ref["image_id"]
        by_id = {entry[0]: (entry[1], entry[2]) for entry in objects.all(number)}
        image = image_2014(source, "train2014", number, tuple(sizes[number]))
        for expression in ref["sentences"]:
            meta = {key: ref[key] for key in ("ref_id", "ann_id", "image_id", "split")}
            meta |= {key: expression[key] for key in ("sent_id", other)}
            if text := " ".join(expression[wording].split()):
                yield _record(source, text, meta, by_id, image)
            else:
                detail = f"{other} {expression[other]!r}"
                yield Reject(str(expression["sent_id"]), "no_expression", detail)


def _record(
    source: Source, text: str, meta: dict[str, Any], objects: Objects, image: Image
) -> Record | Reject:
    key, gold = str(meta["sent_id"]), meta["ann_id"]
    if gold not in objects:
        return Reject(key, "no_region", f"annotation {gold}")
    has_choices = source.option("direction") == "locate" and source.option("boxes") == "drawn"
    boxes = _candidates(f"{source.task}/{key}", objects, gold) if has_choices else [gold]
    if has_choices and len(boxes) == 1:
        return Reject(key, "nothing_to_choose")
    index = boxes.index(gold)
    names = tuple(f"{{box:{n}}}" for n in range(len(boxes)))
    turn = Turn(text, names[index])
    if has_choices:
        turn = Turn(text, names[index], names, index)
    return Record(
        id=key,
        turns=(Turn(names[0], text) if source.option("direction") == "describe" else turn,),
        images=(image,),
        regions=colored([from_xywh(objects[number][1]) for number in boxes]),
        meta=meta,
    )


def _candidates(key: str, objects: Objects, gold: int) -> list[int]:
    """Return the object among others of its image; those of its category are harder, so first."""
    rng = seeded(key)
    others = [number for number in objects if number != gold]
    rng.shuffle(others)
    others.sort(key=lambda number: objects[number][0] != objects[gold][0])
    candidates = [gold, *others[: CANDIDATES - 1]]
    rng.shuffle(candidates)
    return candidates
