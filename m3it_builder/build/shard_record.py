"""The record of a packed shard: written by the packer, read by a resumed build or a rebuild.

Shards with equal packing fingerprint and equal key have equal bytes (see ``assemble.Packing``
and ``spool_reader.ShardPlan``). The packer writes a record when all files of its shard are
complete; the records of a finished unit are saved in its local state.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from m3it_builder.build.unit import Unit
from m3it_builder.dataset.layout import INDEX
from m3it_builder.dataset.manifest import ShardFile
from m3it_builder.records import Reject
from m3it_builder.storage.atomic import write_atomic

_SAVED = "packed.json"

FileStat = tuple[int, int]  # bytes, mtime_ns


class ShardRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The contents of one packed shard, and what they were packed from."""

    shard: int
    key: str  # digest of the rows, see ``spool_reader.ShardPlan``
    packing: str  # packing fingerprint
    sources: str  # digest of the state of the source files
    rows: int
    images: int
    max_images: int  # of one row
    image_bytes: int
    files: dict[str, ShardFile]  # by format
    rejects: tuple[Reject, ...]  # rows whose images cannot be used


class SavedShard(Struct, frozen=True, forbid_unknown_fields=True):
    """A shard of a finished unit, with the size and mtime of its files at that time."""

    record: ShardRecord
    stats: dict[str, FileStat | None]  # by format


class SavedShards(Struct, frozen=True, forbid_unknown_fields=True):
    """All shards of a finished unit."""

    index: FileStat | None
    shards: tuple[SavedShard, ...]


def record_path(work: Path, shard: int) -> Path:
    """Return the path of the record of a shard."""
    return work / "done" / f"{shard:05d}.json"


def part_path(work: Path, shard: int) -> Path:
    """Return the path of the index rows of a shard."""
    return work / "index" / f"{shard:05d}.arrow"


def write_record(work: Path, record: ShardRecord) -> None:
    """Write the record of a shard, which declares it complete; its files must be durable."""
    write_atomic(record_path(work, record.shard), msgspec.json.encode(record), fsync=True)


def read_record(unit: Unit, shard: int) -> ShardRecord | None:
    """Return the record of a packed shard in the work folder if its files are complete."""
    try:
        data = record_path(unit.work, shard).read_bytes()
        record = msgspec.json.decode(data, type=ShardRecord)
    except (FileNotFoundError, ValueError):
        return None
    # An interrupted commit has moved some of the shards already.
    folders = (unit.work, unit.folder) if unit.ready.exists() else (unit.work,)
    complete = all(_is_complete(file, folders) for file in record.files.values())
    return record if complete and part_path(unit.work, shard).is_file() else None


def save_records(unit: Unit, records: Iterable[ShardRecord]) -> None:
    """Save the records of a finished unit, with size and mtime of its files, for a rebuild."""
    shards = tuple(
        SavedShard(
            record,
            {name: file_stat(unit.folder / file.path) for name, file in record.files.items()},
        )
        for record in records
    )
    saved = SavedShards(file_stat(unit.meta / INDEX), shards)
    write_atomic(unit.state / _SAVED, msgspec.json.encode(saved))


def load_records(unit: Unit) -> SavedShards | None:
    """Return the saved records of a finished unit; None if there are none."""
    try:
        return msgspec.json.decode((unit.state / _SAVED).read_bytes(), type=SavedShards)
    except (FileNotFoundError, ValueError):  # absent, or written by another version
        return None


def invalidate_records(unit: Unit) -> None:
    """Delete the saved records; required before the files they describe are replaced."""
    (unit.state / _SAVED).unlink(missing_ok=True)


def file_stat(path: Path) -> FileStat | None:
    """Return size and mtime of a file; None if it does not exist."""
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return state.st_size, state.st_mtime_ns


def _is_complete(file: ShardFile, folders: Iterable[Path]) -> bool:
    paths = [folder / file.path for folder in folders]
    return any(path.is_file() and path.stat().st_size == file.bytes for path in paths)
