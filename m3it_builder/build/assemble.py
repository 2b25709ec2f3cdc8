"""One row on its way from the spool to the writers: images checked, drawn on, described."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson
from blake3 import blake3

from m3it_builder.media.images import draw, exif_transposed_regions, require_decodable
from m3it_builder.media.loaded import Loaded, LoadedImage
from m3it_builder.media.probe import BadImage
from m3it_builder.media.reader import ImageKey, key_of
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import Frames, Image, Region, Row, Style
from m3it_builder.shards.formats import EncodedImage, ShardRow, row_key
from m3it_builder.stages.render import render


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """All that decides the bytes of a shard, given its rows."""

    task: str
    split: str
    formats: tuple[str, ...]
    images: Literal["bytes", "base64"]
    decode: Literal["probe", "full"]
    max_pixels: int
    max_bytes: int  # of one image
    frame: Literal["stored", "displayed"] | None
    style: Style
    video: VideoPlan
    code: str  # digest of our code and of the libraries that write

    @property
    def basis(self) -> str:
        """Return a digest: shards of equal basis and equal key are equal, format by format."""
        return blake3(repr(replace(self, formats=())).encode()).hexdigest(16)


def assemble(
    row: Row, how: Packing, data: dict[ImageKey, Loaded | BadImage]
) -> tuple[ShardRow, dict[str, Any]]:
    """Return a row as writers take it, and its index columns.

    Args:
        row: of the spool.
        how: it is packed.
        data: what was read, for each of its images.

    Raises:
        BadImage: one of its images cannot be used; the row becomes a reject.
    """
    encoded: list[EncodedImage] = []
    described: list[dict[str, Any]] = []
    taken = [_taken(image, data) for image in row.record.images]
    annotated = row.record.regions if how.style.regions == "drawn" else ()
    row = _with_notes(_with_shown_regions(row, how, taken), taken)
    for place, (image, parts) in enumerate(zip(row.record.images, taken, strict=True)):
        drawn = tuple([region for region in annotated if region.image == place])
        for name, read in zip(_names(image, parts), parts.images, strict=True):
            try:
                one, description = _image(read, image, drawn, how)
            except BadImage as bad:
                raise BadImage(bad.reason, f"{name} {bad.detail}".strip()) from bad
            description["name"] = name
            encoded.append(one)
            described.append(description)
    columns: dict[str, Any] = texts(row, how.task, how.split)
    out = ShardRow(row_key(row.record.id), columns, tuple(encoded))
    return out, {**columns, **structure(row), "images": described, "key": out.key}


def _taken(image: Image, data: dict[ImageKey, Loaded | BadImage]) -> Loaded:
    taken = data[key_of(image)]
    if isinstance(taken, BadImage):
        raise BadImage(taken.reason, f"{image.name} {taken.detail}".strip())
    return taken


def _with_shown_regions(row: Row, how: Packing, taken: Sequence[Loaded]) -> Row:
    """Put regions into pixels of the images as published: turned, scaled, told anew in texts."""
    record = row.record
    if not record.regions:
        return row
    shown: dict[int, Iterator[Region]] = {}
    for place in {region.image for region in record.regions}:
        data, size = taken[place].images[0].data, record.images[place].size
        own = [region for region in record.regions if region.image == place]
        shown[place] = iter(exif_transposed_regions(data, own, size, how.frame))
    regions = tuple([next(shown[region.image]) for region in record.regions])
    if regions == record.regions:
        return row
    record = replace(record, regions=regions)
    inputs, outputs = render(record, row.lang, how.style)
    return replace(row, record=record, inputs=inputs, outputs=outputs)


def _with_notes(row: Row, taken: Sequence[Loaded]) -> Row:
    """Add to the meta of a row which frames were taken of its videos."""
    record = row.record
    if not any([isinstance(image.selection, Frames) for image in record.images]):
        return row
    notes = [
        {"video": image.name, **parts.note}
        for image, parts in zip(record.images, taken, strict=True)
        if isinstance(image.selection, Frames)
    ]
    return replace(row, record=replace(record, meta={**record.meta, "frames": notes}))


def _names(image: Image, taken: Loaded) -> list[str]:
    """Return a name in the source for each image: frames and cells add their index."""
    if image.selection is None:
        return [image.name]
    return [f"{image.name}#{index}" for index in taken.note["indices"]]


def _image(
    read: LoadedImage, image: Image, regions: tuple[Region, ...], how: Packing
) -> tuple[EncodedImage, dict[str, Any]]:
    header = read.header
    if isinstance(header, BadImage):
        raise header
    if header.width * header.height > how.max_pixels:
        raise BadImage("image_oversized", f"{header.width}x{header.height}")
    raw, digest = read.data, read.digest
    mime, width, height = header.mime, header.width, header.height
    if regions:
        drawn = draw(raw, regions, image.size, how.frame)
        raw, mime, width, height = drawn.data, drawn.mime, drawn.width, drawn.height
        digest = blake3(raw).hexdigest()
    elif how.decode == "full":
        require_decodable(raw)
    return EncodedImage(raw, mime), {
        "digest": digest,
        "source_digest": read.digest,
        "mime": mime,
        "width": width,
        "height": height,
        "bytes": len(raw),
    }


def texts(row: Row, task: str, split: str) -> dict[str, str]:
    """Return the text columns that every shard format carries."""
    return {
        "id": row.record.id,
        "task": task,
        "split": split,
        "lang": row.lang,
        "instruction": row.instruction,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "license": row.license,
        "image_license": row.image_license,
        "meta": orjson.dumps(row.record.meta, option=orjson.OPT_SORT_KEYS).decode(),
    }


def structure(row: Row) -> dict[str, Any]:
    """Return the columns that only the index carries: turns, regions, context."""
    record = row.record
    return {
        "context": record.context,
        "turns": [
            {"question": t.question, "answer": t.answer, "choices": t.choices, "gold": t.gold}
            for t in record.turns
        ],
        "regions": [
            {"box": r.box, "color": r.color, "label": r.label, "image": r.image}
            for r in record.regions
        ],
    }
