"""Rows between the two phases, as two JSON texts.

``text`` holds all that makes up the published row, the images' sizes and
checksums included; ``places`` says where on this machine their bytes lie. Two
rows with equal ``text`` become equal bytes in a shard.
"""

from __future__ import annotations

import os
from typing import Any

import orjson

from m3it_builder.records import (
    File,
    Frames,
    Image,
    Location,
    Pixels,
    Record,
    Region,
    Row,
    Slice,
    Turn,
)


def encode(row: Row) -> tuple[bytes, bytes]:
    """Return the row as (text, places)."""
    record = row.record
    text = {
        "id": record.id,
        "instruction": row.instruction,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "lang": row.lang,
        "license": row.license,
        "image_license": row.image_license,
        "context": record.context,
        "meta": record.meta,
        "turns": [[t.question, t.answer, t.choices, t.gold] for t in record.turns],
        "regions": [[r.box, r.color, r.label, r.image] for r in record.regions],
        "images": [
            [i.name, i.size, _selection(i.selection), *_identity(i.location)] for i in record.images
        ],
    }
    locations = [_where(image.location) for image in record.images]
    return orjson.dumps(text), orjson.dumps(locations)


def decode(text: bytes, locations: bytes) -> Row:
    """Return the row that was encoded."""
    value = orjson.loads(text)
    where = orjson.loads(locations)
    record = Record(
        id=value["id"],
        turns=tuple([Turn(q, a, tuple(choices), gold) for q, a, choices, gold in value["turns"]]),
        images=tuple(map(_image, value["images"], where)),
        regions=tuple([Region(tuple(r[0]), *r[1:]) for r in value["regions"]]),
        context=value["context"],
        meta=value["meta"],
    )
    return Row(
        instruction=value["instruction"],
        inputs=value["inputs"],
        outputs=value["outputs"],
        lang=value["lang"],
        license=value["license"],
        image_license=value["image_license"],
        record=record,
    )


def _selection(selection: Frames | Pixels | None) -> list[Any] | None:
    if isinstance(selection, Frames):
        return [selection.count, selection.rule]
    return [selection.index, selection.order, selection.scale] if selection else None


def _identity(location: Location | None) -> tuple[int, ...]:
    """Return what tells one version of an image from the next: length, and CRC or time."""
    if isinstance(location, File):
        return location.length, location.mtime_ns
    if isinstance(location, Slice) and location.crc is not None:
        return location.length, location.crc
    if isinstance(location, Slice):
        return location.length, location.offset, *_state(location.path)
    raise ValueError("an image reached the spool without a place")


def _state(archive: str) -> tuple[int, ...]:
    """Return what tells an archive from the next: a tar keeps no checksums of its members."""
    try:
        state = os.stat(archive)  # noqa: PTH116 - places hold plain strings
    except (OSError, ValueError):  # gone, or closed: the packer meets that, and tells of it
        return ()
    return state.st_size, state.st_mtime_ns


def _where(location: Location | None) -> list[Any]:
    if isinstance(location, Slice):
        return [
            location.path,
            location.offset,
            location.length,
            location.packed,
            location.method,
            location.crc,
        ]
    if isinstance(location, File):
        return [location.path, location.length, location.mtime_ns]
    raise ValueError("an image reached the spool without a place")


def _image(image: list[Any], where: list[Any]) -> Image:
    name, size, selection, *_ = image
    location: Location = File(*where) if len(where) == 3 else Slice(*where)
    taken = None
    if selection:
        taken = Frames(*selection) if len(selection) == 2 else Pixels(*selection)
    return Image(name, tuple(size) if size else None, location, taken)
