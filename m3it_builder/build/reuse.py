"""Reuse shards of an older build of a unit if their rows have not changed.

Shards with equal packing fingerprint and equal key have equal bytes, so an old shard is
linked under its new number instead of being packed again. A file whose size or mtime has
changed since the unit was finished is not reused.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import replace

from m3it_builder.build.pack import PackJob
from m3it_builder.build.shard_record import (
    SavedShards,
    ShardRecord,
    file_stat,
    load_records,
    part_path,
    read_record,
    record_path,
    write_record,
)
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.index import SCHEMA, groups_by_shard, without_ranges
from m3it_builder.dataset.layout import INDEX
from m3it_builder.dataset.manifest import read_manifest_or_none
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.atomic import atomic_path
from m3it_builder.storage.digest import file_digest

_TRANSIENT = ("video_timeout", "video_crashed")  # rejects that a retry may not repeat


def finished_shard(unit: Unit, job: PackJob) -> ShardRecord | None:
    """Return the record of a shard that an interrupted build has packed already, or None."""
    record = read_record(unit, job.shard.shard)
    if record is None or set(record.files) != set(job.packing.formats):
        return None
    same = (record.key, record.packing) == (job.shard.key, job.packing.fingerprint)
    return record if same and is_deterministic(record, job) else None


def is_deterministic(record: ShardRecord, job: PackJob) -> bool:
    """Return True if packing a shard again would read the same images.

    A rejected image may have been repaired since, with the same name and length, and
    the same checksum in the directory of its archive.
    """
    return not record.rejects or record.sources == job.sources


class PreviousShards:
    """The shards of an older build of a unit, as far as their files are unchanged."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        saved = load_records(unit)
        self._shards = dict(self._unchanged(saved)) if saved else {}
        self._index: pq.ParquetFile | None = None
        self._groups: dict[int, list[int]] = {}

    def reuse(self, job: PackJob) -> ShardRecord | None:
        """Link an equal shard into the work folder, under its new number.

        Returns:
            Its record, or None if no equal shard exists in all requested formats.
        """
        formats, number, work = job.packing.formats, job.shard.shard, Path(job.work)
        old = self._shards.get((job.packing.fingerprint, job.shard.key))
        if old is None or not set(formats) <= set(old.files) or not is_deterministic(old, job):
            return None
        if any(reject.reason in _TRANSIENT for reject in old.rejects):
            return None
        record_path(work, number).unlink(missing_ok=True)
        files = {}
        for name in formats:
            path = FORMATS[name].path(job.packing.split, number)
            _link(self._unit.folder / old.files[name].path, work / path)
            files[name] = replace(old.files[name], path=path)
        self._extract_rows(old.shard, number, part_path(work, number), set(old.files) - set(files))
        record = replace(old, shard=number, files=files)
        write_record(work, record)
        return record

    def _unchanged(self, saved: SavedShards) -> Iterator[tuple[tuple[str, str], ShardRecord]]:
        index = self._unit.meta / INDEX
        manifest = read_manifest_or_none(self._unit.meta)
        if manifest is None or saved.index != file_stat(index):
            return
        if file_digest(index, "blake3") != manifest.index.digest:
            return
        for shard in saved.shards:
            files = shard.record.files
            if all(
                file_stat(self._unit.folder / file.path) == shard.stats.get(name)
                for name, file in files.items()
            ):
                yield (shard.record.packing, shard.record.key), shard.record

    def _extract_rows(self, old: int, new: int, target: Path, dropped: Iterable[str]) -> None:
        """Write the index rows of one shard as ``PartWriter`` does."""
        index = self._open_index()
        with (
            atomic_path(target, fsync=True) as partial,
            pa.OSFile(str(partial), "wb") as file,
            pa.ipc.new_file(file, SCHEMA) as writer,
        ):
            for group in self._groups.get(old, ()):
                table = without_ranges(index.read_row_group(group), dropped)
                shards = pa.array([new] * table.num_rows, pa.int32())
                table = table.set_column(table.column_names.index("shard"), "shard", shards)
                writer.write_table(table.cast(SCHEMA).combine_chunks())

    def _open_index(self) -> pq.ParquetFile:
        if self._index is None:
            self._index = pq.ParquetFile(self._unit.meta / INDEX)
            self._groups = groups_by_shard(self._index)
        return self._index


def _link(old: Path, new: Path) -> None:
    """Hard-link a file; copy it where the file system has no hard links."""
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:
        with atomic_path(new, fsync=True) as partial:
            shutil.copy2(old, partial)
