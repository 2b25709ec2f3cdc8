"""Arrow IPC shards that ``datasets.load_from_disk`` opens memory-mapped.

``load_from_disk`` wants a folder a split with ``state.json`` and
``dataset_info.json``, and ``dataset_dict.json`` above them; the shards
themselves are plain Arrow streams.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import ShardRow
from m3it_builder.storage.output import Output


class ArrowWriter:
    """Writes one Arrow stream."""

    def __init__(self, output: Output, encoding: Literal["bytes", "base64"]) -> None:
        self._batcher = Batcher(encoding, self._write)
        self._writer = pa.ipc.new_stream(output, self._batcher.schema)

    def write(self, row: ShardRow) -> tuple[int, int]:
        """Append one row; a row of a stream has no place of its own."""
        self._batcher.add(row)
        return 0, 0

    def close(self) -> None:
        """Write what is left, and the end of the stream."""
        self._batcher.flush()
        self._writer.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)
