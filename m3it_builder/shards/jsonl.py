"""JSONL shards with the fields M3IT's loader yielded, images as base64.

A consumer that reads ``instruction``, ``inputs``, ``outputs`` and
``image_base64_str[0]`` gets what it got then; the other columns are extra.
"""

from __future__ import annotations

from typing import Literal

import orjson
import pybase64

from m3it_builder.shards.formats import ShardRow
from m3it_builder.storage.output import Output


class JsonlWriter:
    """Writes one JSON Lines file; images are base64 whatever was asked for."""

    def __init__(self, output: Output, encoding: Literal["bytes", "base64"]) -> None:
        del encoding  # JSON holds no bytes
        self._output = output

    def write(self, row: ShardRow) -> tuple[int, int]:
        """Append one line."""
        encoded = [pybase64.b64encode_as_string(image.data) for image in row.images]
        value = {**row.texts, "image_base64_str": encoded}
        line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
        start = self._output.size
        return start, self._output.write(line)

    def close(self) -> None:
        """Do nothing: the last line ends the file."""
