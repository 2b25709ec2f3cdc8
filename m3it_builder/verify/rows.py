"""Checks on one row of the index: texts, meta, turns, regions, what is said of images."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from m3it_builder.media.images import COLORS
from m3it_builder.records import Record, Region, Style, Turn
from m3it_builder.shards.formats import row_key
from m3it_builder.sources.archives import is_safe
from m3it_builder.stages.render import render
from m3it_builder.verify.manifest_schema import CardClaim
from m3it_builder.verify.privacy import Watch
from m3it_builder.verify.stored_row import json_object

Row = Mapping[str, Any]
Findings = Iterator[tuple[str, str]]  # check, detail

_MAY_BE_NULL = {"webdataset_offset", "webdataset_length", "jsonl_offset", "jsonl_length", "gold"}
_PROSE = ("instruction", "inputs", "outputs", "context")
_NEVER_BLANK = {
    "outputs": "empty_output",
    "instruction": "empty_instruction",
    "license": "license",
    "image_license": "license",
}
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MIMES = {"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"}
_TOKEN = re.compile(r"\{box:\d+\}")
_STYLES = [
    Style(answer, regions)
    for answer in ("text", "letter", "both")
    for regions in ("drawn", "text")
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expected:
    """What every row of a unit has to agree with."""

    task: str
    split: str
    card: CardClaim
    formats: tuple[str, ...]
    watch: Watch


def check_row(row: Row, unit: Expected) -> Findings:
    """Yield (check, detail) for all that is wrong with one row of an index."""
    nulls = sorted(_nulls(row))
    if nulls:
        yield "null_value", ", ".join(nulls)
        return
    for check in _CHECKS:
        yield from check(row, unit)


def _nulls(value: Any, name: str = "") -> Iterator[str]:
    if value is None:
        yield name
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _MAY_BE_NULL:
                yield from _nulls(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _nulls(inner, f"{name}[{place}]")


def _unit(row: Row, unit: Expected) -> Findings:
    if (row["task"], row["split"]) != (unit.task, unit.split):
        yield "wrong_unit", f"{row['task']}/{row['split']}"
    if row["key"] != row_key(row["id"]):
        yield "wrong_key", row["key"]
    for name in ("webdataset", "jsonl"):
        place = row[f"{name}_offset"], row[f"{name}_length"]
        if (None in place) == (name in unit.formats):
            yield "row_place", f"the index says {place} of {name}"


def _texts(row: Row, _: Expected) -> Findings:
    for name, check in _NEVER_BLANK.items():
        if not row[name].strip():
            yield check, name
    if not row["images"] and not row["inputs"].strip():
        yield "empty_input", ""
    if json_object(row["meta"].encode()) is None:
        yield "meta_json", row["meta"][:80]
    for name in ("id", *_PROSE, "meta", "license", "image_license"):
        if "\0" in row[name]:
            yield "damaged_text", f"a null character in {name}"


def _language(row: Row, unit: Expected) -> Findings:
    tag = row["lang"]
    # A translated set is called after its language, and keeps the card it was made from.
    known = tag == unit.card.lang or unit.task.endswith(f"-{tag}")
    if not known or not _LANGUAGE.fullmatch(tag):
        yield "language", f"{tag!r}; the card says {unit.card.lang}"


def _private(row: Row, unit: Expected) -> Findings:
    turns = [text for t in row["turns"] for text in (t["question"], t["answer"], *t["choices"])]
    labels = [region["label"] for region in row["regions"]]
    yield from unit.watch.in_text("\n".join([*(row[name] for name in _PROSE), *turns, *labels]))
    names = [image["name"] for image in row["images"]]
    yield from unit.watch.in_document("\n".join([row["id"], row["meta"], *names]))


def _images(row: Row, unit: Expected) -> Findings:
    images, span = row["images"], unit.card.images
    if not span.min <= len(images) <= span.max:
        yield "image_count", f"{len(images)}, not {span.min} to {span.max}"
    for place, image in enumerate(images):
        name = image["name"]
        if not is_safe(name) or "/" not in name or "\\" in name.partition("/")[0]:
            yield "image_name", name
        digests = image["digest"], image["source_digest"]
        whole = all(map(_DIGEST.fullmatch, digests)) and image["mime"] in _MIMES
        if not whole or min(image["width"], image["height"], image["bytes"]) < 1:
            yield "image_facts", f"image {place}, {name}"


def _drawn(row: Row, _: Expected) -> Findings:
    drawn = changed_with_region(row)
    marked = {region["image"] for region in row["regions"]}
    if len(set(drawn)) > 1:
        yield "drawn", "on one image the region is drawn, on another it is not"
    if marked and _has_frames(row):
        return  # regions count videos, not frames
    for place, image in enumerate(row["images"]):
        if place not in marked and image["digest"] != image["source_digest"]:
            yield "drawn", f"image {place} has no region, and is not its source"


def changed_with_region(row: Row) -> list[bool]:
    """Tell of each image that has a region whether it differs from its source."""
    if not row["regions"] or _has_frames(row):
        return []
    images = row["images"]
    marked = {region["image"] for region in row["regions"]} & set(range(len(images)))
    return [images[n]["digest"] != images[n]["source_digest"] for n in sorted(marked)]


def _has_frames(row: Row) -> bool:
    return '"frames":' in row["meta"]


def _regions(row: Row, _: Expected) -> Findings:
    for place, region in enumerate(row["regions"]):
        if region["color"] not in COLORS:
            yield "region", f"region {place} is {region['color']!r}"
        if not 0 <= region["image"] < len(row["images"]):
            yield "region", f"region {place} is on image {region['image']}"
            continue
        image = row["images"][region["image"]]
        if not _is_inside(region["box"], image["width"], image["height"]):
            size = f"{image['width']}x{image['height']}"
            yield "region", f"region {place} is {region['box']} on {size}"


def _is_inside(box: list[float], width: int, height: int) -> bool:
    """Tell whether a box shows on the image; annotators' boxes do reach over the edge."""
    if len(box) != 4 or not all(map(math.isfinite, box)):
        return False
    x0, y0, x1, y1 = box
    return x0 < x1 and y0 < y1 and x0 < width and y0 < height and x1 > 0 and y1 > 0


def _choices(row: Row, _: Expected) -> Findings:
    for place, turn in enumerate(row["turns"]):
        gold, choices = turn["gold"], turn["choices"]
        if gold is None:
            continue
        if not 0 <= gold < len(choices) or choices[gold] != turn["answer"]:
            yield "choices", f"turn {place}: choice {gold} of {len(choices)}, {turn['answer']!r}"


def _rendering(row: Row, _: Expected) -> Findings:
    for name in ("instruction", "inputs", "outputs"):
        if found := _TOKEN.search(row[name]):
            yield "box_token", f"{found[0]} in {name}"
    if not row["turns"]:
        yield "rendering", "there is no turn"
        return
    if any(len(region["box"]) != 4 for region in row["regions"]):
        return  # said already
    record = Record(
        id=row["id"],
        turns=tuple(
            Turn(t["question"], t["answer"], tuple(t["choices"]), t["gold"]) for t in row["turns"]
        ),
        regions=tuple(
            Region(tuple(r["box"]), r["color"], r["label"], r["image"]) for r in row["regions"]
        ),
        context=row["context"],
    )
    if not any(_is_rendered(record, row, style) for style in _STYLES):
        yield "rendering", f"{row['inputs'][:60]!r} -> {row['outputs'][:60]!r}"


def _is_rendered(record: Record, row: Row, style: Style) -> bool:
    try:
        return render(record, row["lang"], style) == (row["inputs"], row["outputs"])
    except (ValueError, OverflowError):  # a box that is no number
        return False


_CHECKS: tuple[Callable[[Row, Expected], Findings], ...] = (
    _unit,
    _texts,
    _language,
    _private,
    _images,
    _drawn,
    _regions,
    _choices,
    _rendering,
)
