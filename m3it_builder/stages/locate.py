"""Look up the location of each image, without opening it.

A record with a missing image becomes a reject. An image or video may have another file
extension than in the annotation: re-encoded downloads are common, and file types are
determined from content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from m3it_builder.media.codecs import with_other_suffixes
from m3it_builder.records import Frames, Image, Pixels, Record, Reject
from m3it_builder.sources.source import Source
from m3it_builder.stages import RejectSink


def locate(records: Iterable[Record], source: Source, reject: RejectSink) -> Iterator[Record]:
    """Yield the records whose images all exist, with locations filled in."""
    for record in records:
        if not record.images:
            yield record
            continue
        images = tuple([_located(image, source) for image in record.images])
        missing = next((image.name for image in images if image.location is None), None)
        if missing is None:
            yield replace(record, images=images)
        else:
            reject("locate", Reject(record.id, "image_missing", missing))


def _located(image: Image, source: Source) -> Image:
    """Return the image with the location of the first of its names that exists."""
    if image.location is not None:  # set by the converter: it is embedded in an annotation file
        return image
    for name in (image.name, *image.other_names):
        if location := source.find(name):
            return replace(image, name=name, location=location, other_names=())
    if isinstance(image.selection, Pixels):
        return image
    is_video = isinstance(image.selection, Frames)
    for name in (image.name, *image.other_names):
        for other in with_other_suffixes(name, is_video):
            if location := source.find(other):
                return replace(image, name=other, location=location, other_names=())
    return image
