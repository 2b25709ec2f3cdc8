"""Cache of perceptual hashes by image digest, so that no image is decoded twice.

The cache is local state of a unit: ``<task>/.m3it/<split>/hashes-v1.parquet``. Each job
first writes a part in a folder beside it; a later run reuses the parts of an interrupted
one. For a build on a read-only file system the cache is in the report folder instead.
It may be deleted at any time; the images are then decoded again.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.dedup.phash import VERSION
from m3it_builder.records import JsonObject
from m3it_builder.storage.atomic import atomic_path

SCHEMA = pa.schema(
    [
        ("digest", pa.string()),  # BLAKE3 of the bytes as stored
        ("coarse", pa.uint64()),
        ("fine", pa.binary()),  # 32 bytes
        ("thumb", pa.binary()),  # 192 bytes
        ("flat", pa.bool_()),
    ]
)
_STEM = f"hashes-v{VERSION}"  # a new version ignores the old cache and hashes again


def cache_folder(task_folder: Path, split: str, report_folder: Path) -> Path:
    """Return the cache folder of a unit: in its local state, if that is writable."""
    state = task_folder / STATE_FOLDER / split
    nearest = next(path for path in (state, *state.parents) if path.exists())
    if os.access(nearest, os.W_OK):
        return state
    return report_folder / STATE_FOLDER / task_folder.parent.name / task_folder.name / split


def cached_files(folder: Path) -> list[Path]:
    """Return the readable files of a cache folder."""
    files = [folder / f"{_STEM}.parquet", *sorted((folder / _STEM).glob("*.parquet"))]
    return [path for path in files if path.is_file() and _is_readable(path)]


def write_part(folder: Path, name: str, rows: Iterable[JsonObject]) -> None:
    """Write the hashes of one job atomically."""
    target = folder / _STEM / f"{name}.{os.getpid()}.parquet"
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    with atomic_path(target) as partial:
        pq.write_table(table, partial, compression="ZSTD")


def merge_parts(folder: Path) -> None:
    """Merge the parts of finished and interrupted runs into one file."""
    files = cached_files(folder)
    parts = [path for path in files if path.parent != folder]
    if not parts:
        return
    merged = folder / f"{_STEM}.parquet"
    with atomic_path(merged) as partial, duckdb.connect(":memory:") as database:
        database.read_parquet([glob.escape(str(path)) for path in files]).create_view("cached")
        query = "SELECT DISTINCT ON (digest) * FROM cached ORDER BY digest"
        database.sql(query).write_parquet(str(partial), compression="zstd")
    for path in parts:
        path.unlink(missing_ok=True)
    with suppress(OSError):  # another run may be writing its parts
        (folder / _STEM).rmdir()


def _is_readable(path: Path) -> bool:
    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError):  # truncated when the machine went down
        return False
    return bool(schema.names == SCHEMA.names and schema.types == SCHEMA.types)
