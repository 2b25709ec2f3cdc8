"""Parquet shards, laid out the way the Hub stores and pages picture datasets best.

Row groups stay far below 64 MB and are cut by content, so that a changed row
re-uploads little; the page index lets readers skip; pictures, which do not
compress, are stored plain.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.shards import TEXT_COLUMNS, OutRow
from m3it_builder.shards.columns import Batcher
from m3it_builder.shards.output import Output

_PICTURES = ("images.list.element.bytes", "image_base64_str.list.element")


class ParquetWriter:
    """Writes one Parquet file."""

    def __init__(self, output: Output, images: Literal["bytes", "base64"]) -> None:
        self._batcher = Batcher(images, self._write)
        schema = self._batcher.schema
        # Both spellings: `datasets` writes one, the Hub's viewer looks for the other.
        marks = {"content_defined_chunking": "true", "use_content_defined_chunking": "true"}
        self._schema = schema.with_metadata({**schema.metadata, **marks})
        self._writer = pq.ParquetWriter(
            output,
            self._schema,
            compression={name: _codec(name) for name in _leaves(images)},
            use_dictionary=["task", "split", "lang", "instruction", "license", "image_license"],
            write_statistics=[name for name in _leaves(images) if name not in _PICTURES],
            write_page_index=True,
            write_batch_size=8,  # rows between looks at the size of a page, of a megabyte
        )

    def write(self, row: OutRow) -> tuple[int, int]:
        """Append one row; a Parquet row has no place of its own."""
        self._batcher.add(row)
        return 0, 0

    def close(self) -> None:
        """Write what is left, and the footer."""
        self._batcher.flush()
        self._writer.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_table(pa.Table.from_batches([batch], self._schema))


def _leaves(images: str) -> list[str]:
    pictures = [_PICTURES[0], "images.list.element.path"] if images == "bytes" else [_PICTURES[1]]
    return [*TEXT_COLUMNS, *pictures]


def _codec(leaf: str) -> str:
    return "NONE" if leaf == _PICTURES[0] else "SNAPPY"
