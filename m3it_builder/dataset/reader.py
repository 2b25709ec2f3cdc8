"""Random access to a finished build: any row and its images, whatever the format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pybase64

from m3it_builder.dataset.manifest import Manifest, manifests
from m3it_builder.errors import BuildError
from m3it_builder.shards.formats import FORMATS

_BLOCK = 512
_READABLE = ("webdataset", "jsonl", "parquet", "arrow")  # the cheapest to reach into first


@dataclass(frozen=True, slots=True)
class BuiltRow:
    """One row of a finished build."""

    texts: dict[str, Any]  # every column of the index
    images: tuple[bytes, ...]

    @property
    def captions(self) -> list[str]:
        """Return a line for each image: size, type, name in the source."""
        return [
            f"{image['width']}x{image['height']} {image['mime']} {image['bytes']:,} bytes, "
            f"{image['name']}"
            for image in self.texts["images"]
        ]


def read_units(task_folder: Path, split: str | None = None) -> list[Manifest]:
    """Return the manifests of a task's finished units, or of one of them.

    Raises:
        BuildError: there is none.
    """
    units = [unit for unit in manifests(task_folder) if split in (None, unit.split)]
    if not units:
        which = f" of split {split}" if split else ""
        raise BuildError(f"{task_folder} holds no finished build{which}")
    return units


def read_rows(
    task_folder: Path,
    unit: Manifest,
    places: Sequence[int] | None = None,
    format_name: str | None = None,
) -> Iterator[BuiltRow]:
    """Yield rows of a unit with their images.

    Args:
        task_folder: the folder of the task.
        unit: one of its finished units.
        places: numbers of rows in the unit, ascending; all of them if absent.
        format_name: read the images from this format; the cheapest one if absent.
    """
    name = format_name or next(name for name in _READABLE if name in unit.formats)
    shards = {shard["shard"]: shard["files"][name]["path"] for shard in unit.shards}
    for texts in _index_rows(task_folder / unit.index["path"], places):
        path = task_folder / shards[texts[0]["shard"]]
        for row, images in zip(texts, _IMAGES[name](path, texts), strict=True):
            yield BuiltRow(row, images)


def _index_rows(path: Path, places: Sequence[int] | None) -> Iterator[list[dict[str, Any]]]:
    """Yield the wanted rows of each row group of an index, where there are any."""
    index = pq.ParquetFile(path)
    first = 0
    for group in range(index.num_row_groups):
        count = index.metadata.row_group(group).num_rows
        wanted = list(range(count))
        if places is not None:
            inside = slice(bisect_left(places, first), bisect_left(places, first + count))
            wanted = [place - first for place in places[inside]]
        first += count
        if wanted:
            yield index.read_row_group(group).take(pa.array(wanted, pa.int64())).to_pylist()


def _from_tar(path: Path, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[bytes, ...]]:
    with path.open("rb") as file:
        for row in rows:
            file.seek(row["webdataset_offset"])
            members = _members(file.read(row["webdataset_length"]))
            text = orjson.loads(members[0])
            if "image_base64_str" in text:
                yield _decoded(text["image_base64_str"])
            else:
                yield tuple(members[1:])


def _members(data: bytes) -> list[bytes]:
    members, at = [], 0
    while at < len(data):
        size = int(data[at + 124 : at + 135], 8)
        members.append(data[at + _BLOCK : at + _BLOCK + size])
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    return members


def _from_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[bytes, ...]]:
    with path.open("rb") as file:
        for row in rows:
            file.seek(row["jsonl_offset"])
            yield _decoded(orjson.loads(file.read(row["jsonl_length"]))["image_base64_str"])


def _from_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[bytes, ...]]:
    file = pq.ParquetFile(path)
    batches = (file.read_row_group(group) for group in range(file.num_row_groups))
    yield from _from_tables(batches, rows)


def _from_arrow(path: Path, rows: Sequence[dict[str, Any]]) -> Iterator[tuple[bytes, ...]]:
    with pa.memory_map(str(path)) as file:
        batches = (pa.Table.from_batches([batch]) for batch in pa.ipc.open_stream(file))
        yield from _from_tables(batches, rows)


def _from_tables(
    tables: Iterator[pa.Table], rows: Sequence[dict[str, Any]]
) -> Iterator[tuple[bytes, ...]]:
    wanted = iter(row["row"] for row in rows)
    place, first = next(wanted, None), 0
    for table in tables:
        while place is not None and place < first + table.num_rows:
            yield _images_of(table, place - first)
            place = next(wanted, None)
        first += table.num_rows


def _images_of(table: pa.Table, row: int) -> tuple[bytes, ...]:
    if "images" in table.column_names:
        return tuple(image["bytes"] for image in table["images"][row].as_py())
    return _decoded(table["image_base64_str"][row].as_py())


def _decoded(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(pybase64.b64decode(text, validate=True) for text in texts)


_IMAGES = {
    "webdataset": _from_tar,
    "jsonl": _from_jsonl,
    "parquet": _from_parquet,
    "arrow": _from_arrow,
}
assert set(_IMAGES) == set(FORMATS)  # noqa: S101 - a format without reader is a fault of ours
