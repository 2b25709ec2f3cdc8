"""Hashes kept beside a build, by digest of the image, so that none is decoded twice.

They are local state of a unit: ``<task>/.m3it/<split>/hashes-v1.parquet``, and while
a run is under way a part for each shard beside it, which an interrupted run
leaves for the next one. A build on a read-only disk keeps them in the report's
folder instead. Losing them costs time and nothing else.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.dedup.phash import VERSION

SCHEMA = pa.schema(
    [
        ("digest", pa.string()),  # BLAKE3 of the bytes as stored
        ("coarse", pa.uint64()),
        ("fine", pa.binary()),  # 32 bytes
        ("thumb", pa.binary()),  # 192 bytes
        ("flat", pa.bool_()),
    ]
)
_STEM = f"hashes-v{VERSION}"  # another version finds nothing, and hashes anew


def cache_folder(task_folder: Path, split: str, report: Path) -> Path:
    """Return where the hashes of a unit are kept: in its local state, if that can be written."""
    state = task_folder / STATE_FOLDER / split
    nearest = next(path for path in (state, *state.parents) if path.exists())
    if os.access(nearest, os.W_OK):
        return state
    return report / STATE_FOLDER / task_folder.parent.name / task_folder.name / split


def kept(folder: Path) -> list[Path]:
    """Return the files of hashes in a cache folder that can be read."""
    files = [folder / f"{_STEM}.parquet", *sorted((folder / _STEM).glob("*.parquet"))]
    return [path for path in files if path.is_file() and _is_whole(path)]


def write_part(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Write the hashes of one job, whole or not at all."""
    target = folder / _STEM / f"{name}.{os.getpid()}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    pq.write_table(pa.Table.from_pylist(list(rows), schema=SCHEMA), partial, compression="ZSTD")
    partial.replace(target)


def settle(folder: Path) -> None:
    """Make one file of the parts that runs have left, if there are any."""
    files = kept(folder)
    parts = [path for path in files if path.parent != folder]
    if not parts:
        return
    whole = folder / f"{_STEM}.parquet"
    partial = folder / f".{_STEM}.{os.getpid()}.partial"
    with duckdb.connect(":memory:") as base:
        base.read_parquet([glob.escape(str(path)) for path in files]).create_view("found")
        once = "SELECT DISTINCT ON (digest) * FROM found ORDER BY digest"
        base.sql(once).write_parquet(str(partial), compression="zstd")
    partial.replace(whole)
    for path in parts:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # another run may be writing parts of its own
        (folder / _STEM).rmdir()


def _is_whole(path: Path) -> bool:
    try:
        found = pq.read_schema(path)
    except (OSError, ValueError):  # cut short when the machine went down
        return False
    return bool(found.names == SCHEMA.names and found.types == SCHEMA.types)
