"""JSONL shards with the fields of M3IT's loader, images as base64.

Consumers that read ``instruction``, ``inputs``, ``outputs`` and ``image_base64_str[0]``
get what they got from it; the other columns are extra.
"""

from __future__ import annotations

import msgspec
import pybase64

from m3it_builder.shards.formats import ImageEncoding, RowRanges, ShardRow
from m3it_builder.storage.output import Output


def json_with_ids(row: ShardRow) -> list[bytes]:
    """Return a JSON object with the digests of images."""
    return [msgspec.json.encode({**row.texts, "image_ids": row.image_ids})]


def json_with_images(row: ShardRow) -> list[bytes]:
    """Return a JSON object with images as base64, in pieces.

    Base64 has no character that JSON escapes, so the images are not encoded again.
    """
    pieces = [msgspec.json.encode(row.texts).removesuffix(b"}"), b',"image_base64_str":[']
    for position, image in enumerate(row.images):
        pieces += (b',"' if position else b'"', pybase64.b64encode(image.data), b'"')
    return [*pieces, b"]}"]


class JsonlWriter:
    """Writes one JSON Lines file; images that are not shared are base64, as JSON has no bytes."""

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        self._encode = json_with_ids if encoding == "shared" else json_with_images
        self._output = output
        self.ranges = RowRanges()

    def write(self, row: ShardRow) -> None:
        """Append one line."""
        pieces = [*self._encode(row), b"\n"]
        start = self._output.size
        self.ranges.append(start, self._output.write_all(pieces))

    def close(self) -> None:
        """Do nothing: the last line ends the file."""
