"""Shards of an older build of a unit, taken over where their rows have not changed.

A shard of equal basis and equal key holds equal bytes (see ``assemble.Packing``
and ``spool.ShardPlan``), so it is linked under its new number instead of being
packed anew. What is known of finished shards is local state; files that have
another size or time than when they were written are not taken over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.build.pack import PackJob, ShardDone, done_path, is_deterministic, part_path
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.index import SCHEMA
from m3it_builder.dataset.manifest import read_manifest_or_none
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.atomic import write_atomic
from m3it_builder.storage.digest import file_digest

_NAME = "packed.json"
_CHANCE = ("video_timeout", "video_crashed")  # rejects that another time may not bring
_PLACES = ("offset", "length")  # columns of the index, after the name of a format

State = list[int]  # bytes and time of a file


def save_state(unit: Unit, done: Iterable[ShardDone]) -> None:
    """Note what the shards of a finished unit were made of, and the state of their files."""
    shards = [
        {
            "record": asdict(one),
            "states": {
                name: _state(unit.folder / file["path"]) for name, file in one.files.items()
            },
        }
        for one in done
    ]
    value = {"index": _state(unit.meta / "index.parquet"), "shards": shards}
    write_atomic(unit.state / _NAME, json.dumps(value).encode())


def invalidate(unit: Unit) -> None:
    """Drop the note, before files it speaks of are moved over."""
    (unit.state / _NAME).unlink(missing_ok=True)


class PreviousShards:
    """The shards of an older build of a unit that are still as they were written."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._shards: dict[tuple[str, str], ShardDone] = {}
        with suppress(TypeError, LookupError, AttributeError):  # written by another version
            self._remember(_read(unit.state / _NAME))
        self._index: pq.ParquetFile | None = None
        self._groups: dict[int, list[int]] = {}

    def _remember(self, value: dict[str, Any]) -> None:
        index = self._unit.meta / "index.parquet"
        if not value or value["index"] != _state(index):
            return
        manifest = read_manifest_or_none(self._unit.meta)
        if manifest is None or file_digest(index, "blake3") != manifest.index["digest"]:
            return
        for shard in value["shards"]:
            record = ShardDone(**shard["record"])
            if self._is_untouched(record, shard["states"]):
                self._shards[record.basis, record.key] = record

    def reuse(self, job: PackJob) -> ShardDone | None:
        """Bring an equal shard into unfinished work, under its new number.

        Returns:
            Its record, or None where there is no equal shard in all formats asked for.
        """
        old = self._shards.get((job.how.basis, job.shard.key))
        if (
            old is None
            or not set(job.how.formats) <= set(old.files)
            or not is_deterministic(old, job)
        ):
            return None
        if any(reason in _CHANCE for _, reason, _ in old.rejects):
            return None
        work, number = Path(job.work), job.shard.shard
        done_path(work, number).unlink(missing_ok=True)
        files = {}
        for name in job.how.formats:
            path = FORMATS[name].path(job.how.split, number, name)
            _link(self._unit.folder / old.files[name]["path"], work / path)
            files[name] = {**old.files[name], "path": path}
        self._lift(old.shard, number, part_path(work, number), set(old.files) - set(files))
        record = replace(old, shard=number, files=files)
        write_atomic(done_path(work, number), json.dumps(asdict(record)).encode())
        return record

    def _is_untouched(self, record: ShardDone, states: dict[str, State]) -> bool:
        paths = {name: self._unit.folder / file["path"] for name, file in record.files.items()}
        return all(_state(path) == states.get(name) for name, path in paths.items())

    def _lift(self, old: int, new: int, target: Path, dropped: Iterable[str]) -> None:
        """Write the index rows of one shard as a part, as ``PartWriter`` would."""
        index = self._opened()
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        with pa.OSFile(str(partial), "wb") as file, pa.ipc.new_file(file, SCHEMA) as writer:
            for group in self._groups.get(old, ()):
                table = index.read_row_group(group)
                table = _with(table, "shard", pa.array([new] * table.num_rows, pa.int32()))
                for column in (f"{name}_{place}" for name in dropped for place in _PLACES):
                    if column in table.column_names:
                        table = _with(table, column, pa.nulls(table.num_rows, pa.int64()))
                writer.write_table(table.cast(SCHEMA).combine_chunks())
        partial.replace(target)

    def _opened(self) -> pq.ParquetFile:
        if self._index is None:
            self._index = pq.ParquetFile(self._unit.meta / "index.parquet")
            column = SCHEMA.get_field_index("shard")
            leaf = next(
                at
                for at in range(self._index.metadata.num_columns)
                if self._index.schema.column(at).path == SCHEMA.field(column).name
            )
            for group in range(self._index.num_row_groups):
                first = self._index.metadata.row_group(group).column(leaf).statistics.min
                self._groups.setdefault(first, []).append(group)
        return self._index


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _link(old: Path, new: Path) -> None:
    """Give a file a second name; copy it where the file system has no such thing."""
    new.parent.mkdir(parents=True, exist_ok=True)
    new.unlink(missing_ok=True)
    try:
        os.link(old, new)
    except OSError:
        partial = new.with_name(new.name + ".partial")
        shutil.copy2(old, partial)
        partial.replace(new)


def _state(path: Path) -> State | None:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None
    return [state.st_size, state.st_mtime_ns]


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
