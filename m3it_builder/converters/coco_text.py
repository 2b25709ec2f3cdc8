"""COCO-Text v1: is the text in the red box legible?

The file consists of objects keyed by numbers as strings; the images of all its splits
are from COCO train2014.
"""

from collections.abc import Iterator

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.coco import named_image
from m3it_builder.formats.regions import colored, from_xywh

WORDS = ("legible", "illegible")
FILE = "coco-text-v1/COCO_Text.json"


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per text instance, its box drawn in red."""
    images = source.lookup(
        (entry["id"], (entry["file_name"], entry["width"], entry["height"]))
        for _, entry in source.entries(FILE, "imgs")
        if source.in_split(entry["set"])
    )
    for number, entry in source.entries(FILE, "anns"):
        if (image := images.get(entry["image_id"])) is None:
            continue  # another split
        if entry["legibility"] not in WORDS:
            yield Reject(number, "no_answer", f"legibility {entry['legibility']!r}")
            continue
        name, *size = image
        yield Record(
            id=number,
            turns=(Turn("", entry["legibility"], WORDS, WORDS.index(entry["legibility"])),),
            images=(named_image(source, "train2014", name, (size[0], size[1])),),
            regions=colored([from_xywh(entry["bbox"])]),
            meta={
                "image_id": entry["image_id"],
                "text": entry.get("utf8_string"),
                "class": entry["class"],
                "language": entry["language"],
            },
        )
