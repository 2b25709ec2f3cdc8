"""A build of millions of rows for audits: a real manifest, a generated index, no shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.index import GROUP_ROWS, REJECTS, SCHEMA
from m3it_builder.dataset.manifest import read_manifest, write_manifest
from m3it_builder.records import Split
from m3it_builder.tasks.sampling import write_sample

_WORDS = ("what color is the dog that runs over the wet street", "behind two parked cars")
_ROWS_AN_IMAGE = 4


def write_large_build(
    folder: Path, rows: Mapping[Split, int], *, shared: int = 0, placeholder: bool = False
) -> Path:
    """Write the index and manifest of splits of OK-VQA.

    Args:
        folder: scratch folder.
        rows: number of rows of each split.
        shared: number of rows, from the first on, that are equal in all splits but for the id.
        placeholder: all rows have the same image and input.

    Returns:
        The output folder of the build.
    """
    task = load_task("okvqa")
    write_sample(task, folder / "src", 5)
    out = folder / "out"
    for split, count in rows.items():
        Build(sources=folder / "src", out=out, plan=Plan(is_sample=True)).unit(task, split)
        meta = out / "okvqa" / "meta" / split
        unit = read_manifest(meta)
        assert unit is not None
        write_manifest(replace(unit, examples=count, instances=count, images=count), meta)
        with pq.ParquetWriter(meta / "index.parquet", SCHEMA, compression="ZSTD") as writer:
            for batch in _batches(split, count, 1 if placeholder else 0, shared):
                writer.write_batch(batch)
        pq.write_table(REJECTS.empty_table(), meta / "rejects.parquet")
    return out


def _batches(split: str, count: int, placeholder: int, shared: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, count, GROUP_ROWS):
        numbers = range(start, min(start + GROUP_ROWS, count))
        rows = [_row(split, number, bool(placeholder), number < shared) for number in numbers]
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def _row(split: str, number: int, placeholder: bool, shared: bool) -> dict[str, Any]:
    owner = "all" if shared or placeholder else split
    image = "same" if placeholder else f"{owner}-{number // _ROWS_AN_IMAGE}"
    words = " ".join(_WORDS)
    return {
        "id": f"okvqa-{split}-{number:09}",
        "task": "okvqa",
        "split": split,
        "lang": "en",
        "instruction": f"Look at the image and answer the question in a few words ({number % 10}).",
        "inputs": words if placeholder else f"{owner} {number}: {words}?",
        "outputs": f"{number}: {words}",
        "context": "",
        "license": "CC-BY-4.0",
        "image_license": "various",
        "meta": f'{{"question_id": {number}, "kind": "{words}"}}',
        "turns": [{"question": words, "answer": words, "choices": [], "gold": None}],
        "regions": [],
        "images": [
            {
                "digest": f"{image:0>64}",
                "source_digest": f"{image:0>64}",
                "name": f"coco-2014-train-images/{image}.jpg",
                "mime": "image/jpeg",
                "width": 640,
                "height": 480,
                "bytes": 100_000,
            }
        ],
        "shard": number // 100_000,
        "row": number % 100_000,
        "key": f"{number:09}",
    }
