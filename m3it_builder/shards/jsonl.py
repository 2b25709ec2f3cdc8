"""JSONL shards with the fields of M3IT's loader, images as base64.

Consumers that read ``instruction``, ``inputs``, ``outputs`` and ``image_base64_str[0]``
get what they got from it; the other columns are extra.
"""

from __future__ import annotations

import orjson
import pybase64

from m3it_builder.shards.formats import ImageEncoding, RowRanges, ShardRow
from m3it_builder.storage.output import Output


class JsonlWriter:
    """Writes one JSON Lines file; images are base64 whatever encoding is asked for."""

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        del encoding  # JSON has no type for bytes
        self._output = output
        self.ranges = RowRanges()

    def write(self, row: ShardRow) -> None:
        """Append one line."""
        encoded = [pybase64.b64encode_as_string(image.data) for image in row.images]
        value = {**row.texts, "image_base64_str": encoded}
        line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
        start = self._output.size
        self.ranges.append(start, self._output.write(line))

    def close(self) -> None:
        """Do nothing: the last line ends the file."""
