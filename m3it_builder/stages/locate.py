"""Between converting and instructing: find out where each image lies.

Nothing is opened. A record with an image that is nowhere becomes a reject. A
image or video may lie there under another ending than the annotation gives:
re-encoded downloads are common, and content decides what a file is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from m3it_builder.records import Frames, Image, Pixels, Record, Reject
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink

_IMAGE_ENDINGS = ("jpg", "png", "jpeg", "gif", "webp", "bmp", "JPG", "JPEG", "PNG")
_VIDEO_ENDINGS = ("mp4", "webm", "mkv", "avi", "mov")


def locate(records: Iterable[Record], source: Source, reject: RejectSink) -> Iterator[Record]:
    """Yield the records whose images are all there, with their places filled in."""
    for record in records:
        if not record.images:
            yield record
            continue
        images = [_located(image, source) for image in record.images]
        missing = [image.name for image in images if image.location is None]
        if missing:
            reject("locate", Reject(record.id, "image_missing", missing[0]))
        else:
            yield replace(record, images=tuple(images))


def _located(image: Image, source: Source) -> Image:
    """Return the image under the first of its names that is there."""
    if image.location is not None:  # the converter knew: it lies inside the annotation
        return image
    endings = _VIDEO_ENDINGS if isinstance(image.selection, Frames) else _IMAGE_ENDINGS
    for name in (image.name, *image.others):
        if location := source.find(name):
            return replace(image, name=name, location=location, others=())
    if isinstance(image.selection, Pixels):
        return image
    for name in (image.name, *image.others):
        stem, dot, ending = name.rpartition(".")
        for other in endings:
            if dot and other != ending and (location := source.find(stem + dot + other)):
                return replace(image, name=stem + dot + other, location=location, others=())
    return image
