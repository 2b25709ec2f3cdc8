"""Between converting and instructing: find out where each picture lies.

Nothing is opened. A record with a picture that is nowhere becomes a reject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from m3it_builder.records import Image, Record, Reject
from m3it_builder.source import Source
from m3it_builder.stages import RejectSink


def locate(records: Iterable[Record], source: Source, reject: RejectSink) -> Iterator[Record]:
    """Yield the records whose pictures are all there, with their places filled in."""
    for record in records:
        if not record.images:
            yield record
            continue
        images = [_located(image, source) for image in record.images]
        missing = [image.name for image in images if image.place is None]
        if missing:
            reject("locate", Reject(record.id, "image_missing", missing[0]))
        else:
            yield replace(record, images=tuple(images))


def _located(image: Image, source: Source) -> Image:
    return Image(image.name, image.size, source.find(image.name))
