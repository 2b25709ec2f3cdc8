"""Checks on one row of the index: texts, meta, turns, regions, image metadata."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from m3it_builder.dataset.index_row import IndexRow, index_rows
from m3it_builder.dataset.manifest import CardFacts
from m3it_builder.media.codecs import MIMES
from m3it_builder.media.images import COLORS
from m3it_builder.records import Box, JsonObject, Style
from m3it_builder.shards.formats import FORMATS, ImageEncoding, row_key
from m3it_builder.sources.archives import is_safe
from m3it_builder.stages.render import render
from m3it_builder.verify.findings import Findings
from m3it_builder.verify.privacy import PrivacyScanner
from m3it_builder.verify.stored_row import json_object

_NULLABLE = {"gold", *(column for form in FORMATS.values() for column in form.range_columns)}
_BOX_LENGTH = 4  # numbers
_PROSE = ("instruction", "inputs", "outputs", "context")
_NEVER_BLANK = {
    "outputs": "empty_output",
    "instruction": "empty_instruction",
    "license": "license",
    "image_license": "license",
}
_LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BOX_TOKEN = re.compile(r"\{box:\d+\}")


@dataclass(frozen=True, slots=True)
class UnitContext:
    """What the row checks need to know about the unit."""

    task: str
    split: str
    card: CardFacts
    formats: tuple[str, ...]
    images: ImageEncoding
    style: Style
    may_lack_texts: bool  # the base of translated sets
    scanner: PrivacyScanner


def parse_row(values: JsonObject) -> IndexRow | tuple[str, str]:
    """Return one row of an index, typed; or (check, detail) of why it cannot be checked."""
    nulls = sorted(_null_values(values))
    if nulls:
        return "null_value", ", ".join(nulls)
    for position, region in enumerate(values["regions"]):
        if len(region["box"]) != _BOX_LENGTH:
            return "region", f"region {position} is {region['box']}"
    return index_rows([values])[0]


def check_row(row: IndexRow, unit: UnitContext) -> Findings:
    """Yield (check, detail) forevery finding in one row of an index."""
    for check in _CHECKS:
        yield from check(row, unit)


def _null_values(value: object, name: str = "") -> Iterator[str]:
    if value is None:
        yield name
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _NULLABLE:
                yield from _null_values(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _null_values(inner, f"{name}[{position}]")


def _unit(row: IndexRow, unit: UnitContext) -> Findings:
    if (row.task, row.split) != (unit.task, unit.split):
        yield "wrong_unit", f"{row.task}/{row.split}"
    if row.key != row_key(row.id):
        yield "wrong_key", row.key
    for name, form in FORMATS.items():
        # Arrow has no such columns.
        offset, length = (getattr(row, column, None) for column in form.range_columns)
        has_offsets = name in unit.formats and form.has_offsets(unit.images)
        if (None in (offset, length)) == has_offsets:
            yield "row_location", f"{name} offset {offset}, length {length}"


def _texts(row: IndexRow, unit: UnitContext) -> Findings:
    for name, check in _NEVER_BLANK.items():
        may_be_blank = unit.may_lack_texts and check != "license"
        if not getattr(row, name).strip() and not may_be_blank:
            yield check, name
    if not row.images and not row.inputs.strip():
        yield "empty_input", ""
    if json_object(row.meta.encode()) is None:
        yield "meta_json", row.meta[:80]
    for name in ("id", *_PROSE, "meta", "license", "image_license"):
        if "\0" in getattr(row, name):
            yield "invalid_text", f"a null character in {name}"


def _language(row: IndexRow, unit: UnitContext) -> Findings:
    tag = row.lang
    # A translated variant is named after its language, and keeps the card of the original.
    is_expected = tag in unit.card.languages or unit.task.endswith(f"-{tag}")
    if not is_expected or not _LANGUAGE_TAG.fullmatch(tag):
        yield "language", f"{tag!r}; the card says {', '.join(unit.card.languages)}"


def _private(row: IndexRow, unit: UnitContext) -> Findings:
    turns = [text for t in row.turns for text in (t.question, t.answer, *t.choices)]
    labels = [region.label for region in row.regions]
    prose = [getattr(row, name) for name in _PROSE]
    yield from unit.scanner.scan_text("\n".join([*prose, *turns, *labels]))
    names = [image.name for image in row.images]
    yield from unit.scanner.scan_document("\n".join([row.id, row.meta, *names]))


def _images(row: IndexRow, unit: UnitContext) -> Findings:
    images, allowed = row.images, unit.card.images
    if not allowed.min <= len(images) <= allowed.max:
        yield "image_count", f"{len(images)}, expected {allowed.min} to {allowed.max}"
    for position, image in enumerate(images):
        name = image.name
        if not is_safe(name) or "/" not in name or "\\" in name.partition("/")[0]:
            yield "image_name", name
        digests = image.digest, image.source_digest
        is_valid = all(map(_DIGEST.fullmatch, digests)) and image.mime in MIMES
        if not is_valid or min(image.width, image.height, image.bytes) < 1:
            yield "image_metadata", f"image {position}, {name}"


def _drawn(row: IndexRow, _: UnitContext) -> Findings:
    with_region = {region.image for region in row.regions}
    if len(set(drawn_flags(row))) > 1:
        yield "regions_drawn", "regions are drawn on some images of the row only"
    if with_region and _has_frames(row):
        return  # a region refers to the position of a video, not of a frame
    for position, image in enumerate(row.images):
        if position not in with_region and image.digest != image.source_digest:
            yield "regions_drawn", f"image {position} has no region, and differs from its source"


def drawn_flags(row: IndexRow) -> list[bool]:
    """Return for each image with a region whether it differs from its source."""
    if not row.regions or _has_frames(row):
        return []
    images = row.images
    with_region = {region.image for region in row.regions} & set(range(len(images)))
    return [images[n].digest != images[n].source_digest for n in sorted(with_region)]


def _has_frames(row: IndexRow) -> bool:
    return '"frames":' in row.meta


def _regions(row: IndexRow, _: UnitContext) -> Findings:
    for position, region in enumerate(row.regions):
        if region.color not in COLORS:
            yield "region", f"region {position} is {region.color!r}"
        if not 0 <= region.image < len(row.images):
            yield "region", f"region {position} is on image {region.image}"
            continue
        image = row.images[region.image]
        if not _is_inside(region.box, image.width, image.height):
            size = f"{image.width}x{image.height}"
            yield "region", f"region {position} is {region.box} on {size}"


def _is_inside(box: Box, width: int, height: int) -> bool:
    """Return True if a box overlaps the image; annotated boxes may extend over its edge."""
    if not all(map(math.isfinite, box)):
        return False
    x0, y0, x1, y1 = box
    return x0 < x1 and y0 < y1 and x0 < width and y0 < height and x1 > 0 and y1 > 0


def _choices(row: IndexRow, _: UnitContext) -> Findings:
    for position, turn in enumerate(row.turns):
        gold, choices = turn.gold, turn.choices
        if gold is None:
            continue
        if not 0 <= gold < len(choices) or choices[gold] != turn.answer:
            detail = f"turn {position}: choice {gold} of {len(choices)}, {turn.answer!r}"
            yield "choices", detail


def _rendering(row: IndexRow, unit: UnitContext) -> Findings:
    for name in ("instruction", "inputs", "outputs"):
        if match := _BOX_TOKEN.search(getattr(row, name)):
            yield "box_token", f"{match[0]} in {name}"
    if not row.turns:
        yield "rendering", "the row has no turns"
        return
    if not _is_rendered(row, unit.style):
        yield "rendering", f"{row.inputs[:60]!r} -> {row.outputs[:60]!r}"


def _is_rendered(row: IndexRow, style: Style) -> bool:
    try:
        return render(row.record(), row.lang, style) == (row.inputs, row.outputs)
    except (ValueError, OverflowError):  # NaN or infinity in a box
        return False


_CHECKS: tuple[Callable[[IndexRow, UnitContext], Findings], ...] = (
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
