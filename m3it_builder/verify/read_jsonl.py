"""Rows of a JSONL shard, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.verify.stored_row import (
    ImageEncoding,
    ReadError,
    Reporter,
    StoredRow,
    decode_base64_images,
    is_shared_row,
    json_object,
)

_MAX_LINE_BYTES = 1 << 30  # bounds memory for a file without line ends


def read_jsonl(path: Path, encoding: ImageEncoding, report: Reporter) -> Iterator[StoredRow]:
    """Yield the rows of a JSON Lines file.

    Raises:
        ReadError: the last line has no line end.
    """
    offset = 0
    with path.open("rb", buffering=1 << 20) as file:
        while line := file.readline(_MAX_LINE_BYTES):
            if not line.endswith(b"\n"):
                raise ReadError("shard_unreadable", f"the line at byte {offset} has no line end")
            texts = json_object(line)
            images: tuple[bytes | None, ...] = ()
            ids = None
            if texts is None:
                report("shard_unreadable", f"the line at byte {offset} is not a JSON object")
            else:
                ids, images = _images(texts, encoding, report)
            yield StoredRow(
                texts=texts, images=images, image_ids=ids, byte_range=(offset, len(line))
            )
            offset += len(line)


def _images(
    texts: JsonObject, encoding: ImageEncoding, report: Reporter
) -> tuple[object, tuple[bytes | None, ...]]:
    """Remove the images of a row; return their digests, or their bytes."""
    if is_shared_row(texts, encoding, report):
        return texts.pop("image_ids", None), ()
    return None, decode_base64_images(texts.pop("image_base64_str", None))
