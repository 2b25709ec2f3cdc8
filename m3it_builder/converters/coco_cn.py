"""COCO-CN: Chinese captions of COCO photographs.

A line is ``<image>#<n>``, a tab or a blank, and the sentence; translations have ``#zhm#<n>``. The
name of an image has its COCO folder, which has nothing to do with COCO-CN's splits. The
merged references of the test split are a COCO-style JSON file instead, in which only
``file_name`` identifies an image, and the id of a sentence only one of its image.
"""

import re
from collections.abc import Iterable, Iterator
from functools import partial

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.formats.chinese import without_gaps
from m3it_builder.formats.coco import named_image
from m3it_builder.formats.groups import one_of_each
from m3it_builder.records import JsonObject
from m3it_builder.sources.lookup import Lookup

FOLDER = "coco-cn-annotations/coco-cn-version1805v1.1"
FILES = {
    "human-written": f"{FOLDER}/imageid.human-written-caption.txt",
    "manually-translated": f"{FOLDER}/imageid.manually-translated-caption.txt",
    "machine-translated": f"{FOLDER}/imageid.machine-translated-caption.bosonseg.txt",
}
EXTENSION = "coco-cn-icap2020/coco-cn_ext.icap2020.txt"
MERGED = "coco-cn-annotations/merged_captions_coco-cn_test.json"
LINE = re.compile(r"(?P<image>COCO_(?P<folder>(train|val)2014)_\d{12})#(?P<n>\S+)\s(?P<text>.*)")


def convert(source: Source) -> Iterator[Record | Reject]:
    """Yield one record per image, or per sentence."""
    kind = str(source.option("sentences"))
    photos, extension = source.lookup(()), source.lookup(())
    lines = _merged_lines(source) if kind == "merged" else source.text(FILES[kind])
    yield from _index(lines, photos, kind)
    if source.split == "train" and source.option("extension") == "icap2020":
        yield from _index(source.text(EXTENSION), extension, "icap2020")
    if kind == "merged" and source.split == "test":  # its users may not have the lists
        groups = photos.groups()
    else:
        stems = map(str.strip, source.text(f"{FOLDER}/coco-cn_{source.file_split}.txt"))
        groups = ((stem, photos.all(stem)) for stem in stems if stem)
    every = source.option("captions") == "all"
    for images in (groups, extension.groups()):
        yield from one_of_each(images, partial(_record, source), source.task, everything=every)


def _merged_lines(source: Source) -> Iterator[str]:
    stems = source.lookup(
        (image["id"], image["file_name"].removesuffix(".jpg"))
        for image in source.items(MERGED, "images")
    )
    for one in source.items(MERGED, "annotations"):
        yield f"{stems[one['image_id']]}#{one['source']}#{one['id']} {one['caption']}"


def _index(lines: Iterable[str], photos: Lookup[JsonObject], kind: str) -> Iterator[Reject]:
    for number, line in enumerate(lines, 1):
        if match := LINE.fullmatch(line):
            photos.put(match["image"], {**match.groupdict(), "kind": kind})
        elif line.strip():
            yield Reject(f"line {number}", "unreadable_line", line[:80])


def _record(source: Source, row: JsonObject) -> Record:
    name = f"{row['image']}.jpg"
    return Record(
        id=f"{row['image']}#{row['n']}",
        turns=(Turn("", without_gaps(row["text"])),),
        images=(named_image(source, row["folder"], name),),
        meta={"image": name, "sentence": row["n"], "kind": row["kind"]},
    )
