"""COCO grounded object identification: what is in the red box?

Made of the instance annotations of COCO 2017. Boxes are corner and size, and reach over the
border of the image by fractions of a pixel. Crowds, whose segmentation is a run-length
encoding, have a box around many objects and are left out.
"""

from collections.abc import Iterable, Iterator, Mapping

from m3it_builder import Image, Record, Reject, Source
from m3it_builder.formats.coco import image_2017
from m3it_builder.formats.options import choice_turn, seeded
from m3it_builder.formats.regions import clipped, colored, from_xywh
from m3it_builder.records import JsonObject

FOLDERS = {"train": "train2017", "validation": "val2017"}


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per object, with the names of categories to choose from."""
    folder = FOLDERS[source.split]
    file = f"coco-2017-annotations/annotations/instances_{folder}.json"
    names = {entry["id"]: entry["name"] for entry in source.items(file, "categories")}
    sizes = source.lookup(
        (entry["id"], (entry["width"], entry["height"])) for entry in source.items(file, "images")
    )
    fields = ("id", "image_id", "category_id", "bbox", "iscrowd")
    objects = source.lookup(
        (entry["image_id"], {key: entry[key] for key in fields})
        for entry in source.items(file, "annotations")
    )
    for number, own in objects.groups():
        if (size := sizes.get(number)) is None:
            yield from (Reject(str(thing["id"]), "image_missing", "not listed") for thing in own)
            continue
        image = image_2017(source, folder, number, (size[0], size[1]))
        present = dict.fromkeys(names[thing["category_id"]] for thing in own)
        for thing in own:
            yield _record(source, image, thing, names, present)


def _record(
    source: Source,
    image: Image,
    thing: JsonObject,
    names: Mapping[int, str],
    present: Iterable[str],
) -> Record | Reject:
    key, gold = str(thing["id"]), names[thing["category_id"]]
    if thing["iscrowd"]:
        return Reject(key, "crowd")
    if image.size is None or (box := clipped(from_xywh(thing["bbox"]), image.size)) is None:
        return Reject(key, "no_region", f"box {thing['bbox']}")
    rng = seeded(source.task, key)
    others = [name for name in present if name != gold]
    absent = [name for name in names.values() if name != gold and name not in others]
    others = rng.sample(others, len(others)) + rng.sample(absent, len(absent))
    return Record(
        id=key,
        turns=(choice_turn(rng, gold, others[: int(source.option("candidates")) - 1]),),
        images=(image,),
        regions=colored([box]),
        meta={field: thing[field] for field in ("image_id", "category_id", "bbox")},
    )
