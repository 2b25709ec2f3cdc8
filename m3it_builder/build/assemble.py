"""Turn an instance into a published row: check its images, draw its regions, describe both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from blake3 import blake3
from msgspec import structs

from m3it_builder.dataset.index_row import IndexRow, StoredImage
from m3it_builder.media.images import draw, exif_transposed_regions, require_decodable
from m3it_builder.media.loaded_image import Loaded, LoadedImage
from m3it_builder.media.probe import BadImage
from m3it_builder.media.reader import ImageKey, key_of
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.records import Frames, Image, Instance, Region, Style
from m3it_builder.shards.formats import (
    TEXT_COLUMNS,
    EncodedImage,
    FormatName,
    ImageEncoding,
    ShardRow,
    row_key,
)
from m3it_builder.stages.render import render
from m3it_builder.storage.json_values import dumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Everything that decides the bytes of a shard, given its instances."""

    task: str
    split: str
    formats: tuple[FormatName, ...]
    images: ImageEncoding
    decode: Literal["probe", "full"]
    max_pixels: int
    min_side: int  # pixels
    max_aspect: float | None  # longer by shorter side
    max_bytes: int  # of one image
    frame: Literal["stored", "displayed"] | None
    style: Style
    video: VideoPlan
    code: str  # digest of the packing code and of the library versions that decide its output

    @property
    def fingerprint(self) -> str:
        """Return the packing fingerprint: with equal key, it means equal bytes in each format."""
        return blake3(repr(replace(self, formats=())).encode()).hexdigest(16)


def assemble(
    instance: Instance,
    packing: Packing,
    loaded: Mapping[ImageKey, Loaded | BadImage],
    position: tuple[int, int],
) -> tuple[ShardRow, IndexRow]:
    """Return the row for the shard writers, and the one for the index.

    Args:
        instance: from the spool.
        packing: options of its shard.
        loaded: contents of its images, or the reason why one cannot be used.
        position: number of the shard, and position of the row in it.

    Raises:
        BadImage: one of the images cannot be used; the row becomes a reject.
    """
    references = [_loaded(image, loaded) for image in instance.record.images]
    annotated = instance.record.regions if packing.style.regions == "drawn" else ()
    instance = _with_transposed_regions(instance, packing, references)
    instance = _with_frame_metadata(instance, references)
    images: list[EncodedImage] = []
    stored: list[StoredImage] = []
    for index, (image, reference) in enumerate(
        zip(instance.record.images, references, strict=True)
    ):
        regions = tuple([region for region in annotated if region.image == index])
        for name, source in zip(_names(image, reference), reference.images, strict=True):
            encoded, described = _stored(source, name, image, (regions, packing))
            images.append(encoded)
            stored.append(described)
    row = _index_row(instance, tuple(stored), position)
    texts = {name: getattr(row, name) for name in TEXT_COLUMNS}
    return ShardRow(row.key, texts, tuple(images)), row


def _index_row(
    instance: Instance, images: tuple[StoredImage, ...], position: tuple[int, int]
) -> IndexRow:
    record = instance.record
    return IndexRow(
        id=record.id,
        task=instance.task,
        split=instance.split,
        lang=instance.lang,
        instruction=instance.instruction,
        inputs=instance.inputs,
        outputs=instance.outputs,
        context=record.context,
        license=instance.license,
        image_license=instance.image_license,
        meta=dumps(record.meta, sort_keys=True).decode(),
        turns=record.turns,
        regions=record.regions,
        images=images,
        shard=position[0],
        row=position[1],
        key=row_key(record.id),
    )


def _loaded(image: Image, loaded: Mapping[ImageKey, Loaded | BadImage]) -> Loaded:
    reference = loaded[key_of(image)]
    if isinstance(reference, BadImage):
        raise BadImage(reference.reason, f"{image.name} {reference.detail}".strip())
    return reference


def _with_transposed_regions(
    instance: Instance, packing: Packing, references: Sequence[Loaded]
) -> Instance:
    """Express regions in pixels of the published images: EXIF-transposed, and scaled.

    The texts are rendered again, since they may hold coordinates.
    """
    record = instance.record
    if not record.regions:
        return instance
    transposed: dict[int, Iterator[Region]] = {}
    for index in {region.image for region in record.regions}:
        data, size = references[index].images[0].data, record.images[index].size
        own = [region for region in record.regions if region.image == index]
        found = exif_transposed_regions(data, own, size, packing.frame, packing.max_pixels)
        transposed[index] = iter(found)
    regions = tuple([next(transposed[region.image]) for region in record.regions])
    if regions == record.regions:
        return instance
    record = structs.replace(record, regions=regions)
    inputs, outputs = render(record, instance.lang, packing.style)
    return structs.replace(instance, record=record, inputs=inputs, outputs=outputs)


def _with_frame_metadata(instance: Instance, references: Sequence[Loaded]) -> Instance:
    """List the frames extracted from its videos in the meta of a row."""
    record = instance.record
    if not any([isinstance(image.selection, Frames) for image in record.images]):
        return instance
    frames = [
        {"video": image.name, **reference.metadata}
        for image, reference in zip(record.images, references, strict=True)
        if isinstance(image.selection, Frames)
    ]
    record = structs.replace(record, meta={**record.meta, "frames": frames})
    return structs.replace(instance, record=record)


def _names(image: Image, reference: Loaded) -> list[str]:
    """Return the name of each published image: frames and array images append their index."""
    if image.selection is None:
        return [image.name]
    return [f"{image.name}#{index}" for index in reference.metadata["indices"]]


def _require_bounds(width: int, height: int, packing: Packing) -> None:
    """Require that an image is neither too large nor too small.

    Raises:
        BadImage: it is.
    """
    size = f"{width}x{height}"
    if width * height > packing.max_pixels:
        raise BadImage("image_oversized", size)
    if min(width, height) < packing.min_side:
        raise BadImage("image_too_small", size)
    if packing.max_aspect and max(width, height) > packing.max_aspect * min(width, height):
        raise BadImage("image_aspect", size)


def _stored(
    source: LoadedImage, name: str, image: Image, drawing: tuple[tuple[Region, ...], Packing]
) -> tuple[EncodedImage, StoredImage]:
    """Return an image as published, with its regions drawn, and its description for the index."""
    regions, packing = drawing
    header, data, digest = source.header, source.data, source.digest
    try:
        if isinstance(header, BadImage):
            raise header
        mime, width, height = header.mime, header.width, header.height
        _require_bounds(width, height, packing)
        if regions:
            drawn = draw(data, regions, image.size, packing.frame, packing.max_pixels)
            data, mime, width, height = drawn.data, drawn.mime, drawn.width, drawn.height
            digest = blake3(data).hexdigest()
        elif packing.decode == "full":
            require_decodable(data, packing.max_pixels)
    except BadImage as bad:
        raise BadImage(bad.reason, f"{name} {bad.detail}".strip()) from bad
    stored = StoredImage(
        digest=digest,
        source_digest=source.digest,
        name=name,
        mime=mime,
        width=width,
        height=height,
        bytes=len(data),
    )
    return EncodedImage(data, mime), stored
