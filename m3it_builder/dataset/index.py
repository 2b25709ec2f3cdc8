"""The index of a unit: every text column of every row, and where the row lies.

It is one Parquet file, beside shards of whatever
format. Audits, cards and random access read it and never open a shard.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.records import Reject

_TURN = pa.struct(
    [
        ("question", pa.string()),
        ("answer", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("gold", pa.int32()),
    ]
)
_REGION = pa.struct(
    [
        ("box", pa.list_(pa.float64())),
        ("color", pa.string()),
        ("label", pa.string()),
        ("image", pa.int32()),
    ]
)
_IMAGE = pa.struct(
    [
        ("digest", pa.string()),  # BLAKE3 of the bytes as stored
        ("source_digest", pa.string()),  # of the source's bytes; differs where a box was drawn
        ("name", pa.string()),  # in the source
        ("mime", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("bytes", pa.int64()),
    ]
)
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("task", pa.string()),
        ("split", pa.string()),
        ("lang", pa.string()),
        ("instruction", pa.string()),
        ("inputs", pa.string()),
        ("outputs", pa.string()),
        ("context", pa.string()),
        ("license", pa.string()),
        ("image_license", pa.string()),
        ("meta", pa.string()),
        ("turns", pa.list_(_TURN)),
        ("regions", pa.list_(_REGION)),
        ("images", pa.list_(_IMAGE)),
        ("shard", pa.int32()),
        ("row", pa.int32()),  # in its shard, from 0
        ("key", pa.string()),  # of its WebDataset members
        ("webdataset_offset", pa.int64()),  # null where that format was not built
        ("webdataset_length", pa.int64()),
        ("jsonl_offset", pa.int64()),
        ("jsonl_length", pa.int64()),
    ]
)
REJECTS = pa.schema(
    [
        ("task", pa.string()),
        ("split", pa.string()),
        ("stage", pa.string()),
        ("id", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


class PartWriter:
    """Writes the index rows of one shard, as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> PartWriter:
        self._file = pa.OSFile(str(self._path), "wb")
        self._writer = pa.ipc.new_file(self._file, SCHEMA)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file:
            if kind is None:
                self._flush()
                self._writer.close()

    def write(self, row: dict[str, Any]) -> None:
        """Append one row, with the columns of ``SCHEMA`` that it has."""
        self._rows.append(row)
        if len(self._rows) == GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_batch(pa.RecordBatch.from_pylist(self._rows, schema=SCHEMA))
            self._rows.clear()


def merge(parts: Iterable[Path], target: Path) -> None:
    """Write the index of a unit from those of its shards, in order.

    No row group holds rows of two shards, so a shard's rows can be lifted out.
    """
    with pq.ParquetWriter(
        target, SCHEMA, compression="ZSTD", write_page_index=True, use_dictionary=_WITH_DICTIONARY
    ) as writer:
        for part in parts:
            with pa.OSFile(str(part), "rb") as file:
                batches = pa.ipc.open_file(file)
                for number in range(batches.num_record_batches):
                    writer.write_batch(batches.get_batch(number), row_group_size=GROUP_ROWS)


GROUP_ROWS = 4_000
_WITH_DICTIONARY = ["task", "split", "lang", "instruction", "license", "image_license"]


def write_rejects(path: Path, unit: tuple[str, str], rejects: Iterable[tuple[str, Reject]]) -> None:
    """Write the rejects of a unit, streaming; the file is there even where there are none."""
    task, split = unit
    with pq.ParquetWriter(path, REJECTS, compression="ZSTD") as writer:
        batch: list[dict[str, str]] = []
        for stage, reject in rejects:
            batch.append(
                {
                    "task": task,
                    "split": split,
                    "stage": stage,
                    "id": reject.id,
                    "reason": reject.reason,
                    "detail": reject.detail,
                }
            )
            if len(batch) == 50_000:
                writer.write_table(pa.Table.from_pylist(batch, schema=REJECTS))
                batch.clear()
        writer.write_table(pa.Table.from_pylist(batch, schema=REJECTS))
