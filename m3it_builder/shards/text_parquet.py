"""Parquet shards without images, written by pyarrow.

Rows are small, so that its writer is faster than that of ``shards.parquet``, which avoids
copies of images (see ``docs/decisions/0013-our-own-parquet-pages.md``).
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.formats import ImageEncoding, RowRanges, ShardRow
from m3it_builder.storage.output import Output


class TextParquetWriter:
    """Writes one Parquet file."""

    ranges: RowRanges | None = None  # texts are compressed, a page at a time

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        self._batcher = Batcher(encoding, self._write)
        self._writer = pq.ParquetWriter(
            output, self._batcher.schema, compression="ZSTD", write_page_index=True
        )

    def write(self, row: ShardRow) -> None:
        """Append one row."""
        self._batcher.add(row)

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._batcher.flush()
        self._writer.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)
