"""Rows gathered into Arrow batches of bounded size, for Parquet and Arrow files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pybase64

from m3it_builder.shards import OutRow
from m3it_builder.shards.features import arrow_schema, table_features

BATCH_BYTES = 8 << 20  # small enough to page through quickly, and to keep memory flat


class Batcher:
    """Collects rows by column and hands over a batch whenever one is full."""

    def __init__(self, images: str, flush: Callable[[pa.RecordBatch], None]) -> None:
        self.schema = arrow_schema(table_features(images))
        self._as_text = images == "base64"
        self._flush = flush
        self._columns: dict[str, list[Any]] = {name: [] for name in self.schema.names}
        self._bytes = 0

    def add(self, row: OutRow) -> None:
        """Append one row."""
        for name, text in row.texts.items():
            self._columns[name].append(text)
        if self._as_text:
            encoded = [pybase64.b64encode_as_string(picture.data) for picture in row.pictures]
            self._columns["image_base64_str"].append(encoded)
        else:
            self._columns["images"].append(
                [
                    {"bytes": picture.data, "path": f"{row.key}.{place}.{_ending(picture.mime)}"}
                    for place, picture in enumerate(row.pictures)
                ]
            )
        self._bytes += sum(len(picture.data) for picture in row.pictures)
        self._bytes += sum(map(len, row.texts.values()))
        if self._bytes >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what is left."""
        if not self._columns["id"]:
            return
        self._flush(pa.RecordBatch.from_pydict(self._columns, schema=self.schema))
        for column in self._columns.values():
            column.clear()
        self._bytes = 0


def _ending(mime: str) -> str:
    return {"image/jpeg": "jpg"}.get(mime, mime.rpartition("/")[2])
