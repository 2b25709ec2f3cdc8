"""The index of a unit: every text column of every row, and where the row lies.

It is one Parquet file with one row group a shard, beside shards of whatever
format. Audits, cards and random access read it and never open a shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.records import Reject
from m3it_builder.wire import Row

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
        ("colour", pa.string()),
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


def texts(row: Row, task: str, split: str) -> dict[str, str]:
    """Return the text columns that every shard format carries."""
    return {
        "id": row.record.id,
        "task": task,
        "split": split,
        "lang": row.lang,
        "instruction": row.instruction,
        "inputs": row.inputs,
        "outputs": row.outputs,
        "license": row.license,
        "image_license": row.image_license,
        "meta": orjson.dumps(row.record.meta, option=orjson.OPT_SORT_KEYS).decode(),
    }


def structure(row: Row) -> dict[str, Any]:
    """Return the columns that only the index carries: turns, regions, context."""
    record = row.record
    return {
        "context": record.context,
        "turns": [
            {"question": t.question, "answer": t.answer, "choices": t.choices, "gold": t.gold}
            for t in record.turns
        ],
        "regions": [
            {"box": r.box, "colour": r.colour, "label": r.label, "image": r.image}
            for r in record.regions
        ],
    }


def write_part(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the index rows of one shard."""
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
        writer.write_table(table)


def read_part(path: Path) -> pa.Table:
    """Read the index rows of one shard."""
    with pa.OSFile(str(path), "rb") as file:
        return pa.ipc.open_file(file).read_all()


def merge(parts: Iterable[pa.Table], target: Path) -> None:
    """Write the index of a unit from those of its shards, in order."""
    with pq.ParquetWriter(
        target, SCHEMA, compression="ZSTD", write_page_index=True, use_dictionary=_WITH_DICTIONARY
    ) as writer:
        for part in parts:
            writer.write_table(part, row_group_size=max(1, part.num_rows))


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
