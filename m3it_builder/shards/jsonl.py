"""JSONL shards with the fields of M3IT's loader, images as base64.

Consumers that read ``instruction``, ``inputs``, ``outputs`` and ``image_base64_str[0]``
get what they got from it; the other columns are extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pybase64

from m3it_builder.shards.formats import EncodedImage, ImageEncoding, RowRanges, ShardRow
from m3it_builder.storage.output import Output


def json_with_images(texts: Mapping[str, str], images: Sequence[EncodedImage]) -> list[bytes]:
    """Return a JSON object with images as base64, in pieces.

    Base64 has no character that JSON escapes, so the images are not encoded again.
    """
    pieces = [msgspec.json.encode(texts).removesuffix(b"}"), b',"image_base64_str":[']
    for position, image in enumerate(images):
        pieces += (b',"' if position else b'"', pybase64.b64encode(image.data), b'"')
    return [*pieces, b"]}"]


class JsonlWriter:
    """Writes one JSON Lines file; images are base64 whatever encoding is asked for."""

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        del encoding  # JSON has no type for bytes
        self._output = output
        self.ranges = RowRanges()

    def write(self, row: ShardRow) -> None:
        """Append one line."""
        pieces = [*json_with_images(row.texts, row.images), b"\n"]
        start = self._output.size
        self.ranges.append(start, self._output.write_all(pieces))

    def close(self) -> None:
        """Do nothing: the last line ends the file."""
