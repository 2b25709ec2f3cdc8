"""Arrow IPC shards that ``datasets.load_from_disk`` opens memory-mapped.

``load_from_disk`` expects a folder per split with ``state.json`` and
``dataset_info.json``, and ``dataset_dict.json`` above them; the shards
themselves are plain Arrow streams.
"""

from __future__ import annotations

import pyarrow as pa

from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import ImageEncoding, RowRanges, ShardRow
from m3it_builder.storage.output import Output


class ArrowWriter:
    """Writes one Arrow stream."""

    ranges: RowRanges | None = None  # the values of a row are in several buffers of its batch

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        self._batcher = Batcher(encoding, self._write)
        self._writer = pa.ipc.new_stream(output, self._batcher.schema)

    def write(self, row: ShardRow) -> None:
        """Append one row."""
        self._batcher.add(row)

    def close(self) -> None:
        """Write the last batch and the end of the stream."""
        self._batcher.flush()
        self._writer.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)
