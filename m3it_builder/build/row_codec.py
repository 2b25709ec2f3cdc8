"""Encode and decode the contents of the spool: candidate records, and finished instances.

An instance is encoded as two blobs. ``text`` holds everything that decides the published
row, including the sizes and checksums of its images; ``references`` holds the locations of
the images on this machine. Instances with equal ``text`` become equal bytes in a shard.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from m3it_builder.records import (
    File,
    Frames,
    Image,
    ImageSelection,
    Instance,
    Location,
    Pixels,
    Record,
    Region,
    Slice,
    Split,
    Turn,
)


class _Text(Struct):
    id: str
    instruction: str
    inputs: str
    outputs: str
    lang: str
    license: str
    image_license: str
    context: str
    meta: Mapping[str, Any]
    turns: tuple[Turn, ...]
    regions: tuple[Region, ...]
    images: tuple[tuple[Any, ...], ...]  # name, size, fields of the selection, identity


class _Reference(Struct, array_like=True):
    location: Location
    selection: ImageSelection | None


_json = msgspec.json.Encoder(order="deterministic")  # also of sets in a meta
_pack = msgspec.msgpack.Encoder()
_decode_text = msgspec.json.Decoder(_Text).decode
_decode_references = msgspec.msgpack.Decoder(list[_Reference]).decode
decode_record = msgspec.json.Decoder(Record).decode  # msgpack: no integers beyond 64 bits


def encode_record(record: Record) -> bytes:
    """Return a record as one blob, locations included; ``decode_record`` reverses it."""
    return _json.encode(record)


def encode(instance: Instance) -> tuple[bytes, bytes]:
    """Return an instance as (text, references)."""
    record = instance.record
    text = _Text(
        id=record.id,
        instruction=instance.instruction,
        inputs=instance.inputs,
        outputs=instance.outputs,
        lang=instance.lang,
        license=instance.license,
        image_license=instance.image_license,
        context=record.context,
        meta=record.meta,
        turns=record.turns,
        regions=record.regions,
        images=tuple(
            [(i.name, i.size, _fields(i.selection), *_identity(i.location)) for i in record.images]
        ),
    )
    references = [_Reference(_located(image), image.selection) for image in record.images]
    return _json.encode(text), _pack.encode(references)


def decode(unit: tuple[str, Split], text: bytes, references: bytes) -> Instance:
    """Return the instance that was encoded; ``unit`` is its task and split."""
    value = _decode_text(text)
    images = [
        Image(name, tuple(size) if size else None, reference.location, reference.selection)
        for (name, size, *_), reference in zip(
            value.images, _decode_references(references), strict=True
        )
    ]
    record = Record(
        id=value.id,
        turns=value.turns,
        images=tuple(images),
        regions=value.regions,
        context=value.context,
        meta=value.meta,
    )
    return Instance(
        task=unit[0],
        split=unit[1],
        lang=value.lang,
        instruction=value.instruction,
        inputs=value.inputs,
        outputs=value.outputs,
        license=value.license,
        image_license=value.image_license,
        record=record,
    )


def _fields(selection: ImageSelection | None) -> tuple[int | str, ...] | None:
    if isinstance(selection, Frames):
        return selection.count, selection.rule
    if isinstance(selection, Pixels):
        return selection.index, selection.order, selection.scale
    return None


def _located(image: Image) -> Location:
    if image.location is None:
        raise ValueError(f"{image.name} reached the spool without a location")
    return image.location


def _identity(location: Location | None) -> tuple[int, ...]:
    """Return what distinguishes versions of an image: its length, and its checksum or times."""
    if isinstance(location, File):
        return location.length, location.mtime_ns, location.ctime_ns
    if isinstance(location, Slice) and location.crc is not None:
        return location.length, location.crc
    if isinstance(location, Slice):
        return location.length, location.offset, *_archive_state(location.path)
    raise ValueError("an image reached the spool without a location")


def _archive_state(archive: str) -> tuple[int, ...]:
    """Return size and times of an archive: a tar has no checksums of its members."""
    try:
        state = os.stat(archive)  # noqa: PTH116 - locations hold plain strings
    except (OSError, ValueError):  # missing or unreadable: the packer reports it
        return ()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns
