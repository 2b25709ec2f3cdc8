"""Random access to a finished build: any row with its images, from any format."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat, starmap
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pybase64
from blake3 import blake3

from m3it_builder.dataset.base import BaseUnit, base_of
from m3it_builder.dataset.index import groups_by_shard
from m3it_builder.dataset.index_row import IndexRow, index_rows
from m3it_builder.dataset.layout import INDEX, meta_path
from m3it_builder.dataset.manifest import Manifest, manifests
from m3it_builder.errors import BaseError, BuildError, foreseen
from m3it_builder.shards.formats import FORMATS

_BLOCK = 512
_LENGTH_BYTES = 4  # before each plain value of a Parquet page
# What readers raise for files that are missing, malformed, or of another build.
_MALFORMED = (OSError, pa.ArrowException, ValueError, LookupError, TypeError, OverflowError)
_ReadImages = Callable[[Sequence[IndexRow]], Iterable[tuple[bytes, ...]]]


@dataclass(frozen=True, slots=True)
class BuiltRow:
    """One row of a finished build."""

    row: IndexRow
    images: tuple[bytes, ...]

    @property
    def captions(self) -> list[str]:
        """Return one line per image: dimensions, type, size, name in the source."""
        return [
            f"{image.width}x{image.height} {image.mime} {image.bytes:,} bytes, {image.name}"
            for image in self.row.images
        ]


class _Embedded(msgspec.Struct):
    image_base64_str: list[str] | None = None


def read_units(task_folder: Path, split: str | None = None) -> list[Manifest]:
    """Return the manifests of a task's finished units; of one split if it is given.

    Raises:
        BuildError: there is none, or one is malformed.
    """
    units = [unit for unit in manifests(task_folder) if split in (None, unit.split)]
    if not units:
        which = f" of split {split}" if split else ""
        raise BuildError(f"{task_folder}: no finished build{which} found")
    return units


def read_rows(
    task_folder: Path,
    unit: Manifest,
    positions: Sequence[int] | None = None,
    format_name: str | None = None,
) -> Iterator[BuiltRow]:
    """Yield rows of a unit with their images.

    Args:
        task_folder: folder of the task.
        unit: manifest of one of its finished units.
        positions: positions of the rows in the unit, ascending; None for all rows.
        format_name: format to read images from; None for the one with the cheapest access.

    Raises:
        BuildError: a file is missing, truncated or malformed, or inconsistent with the byte
            ranges in the index; another process may be rebuilding the unit.
    """
    with _readable(task_folder, unit):
        yield from _read_rows(task_folder, unit, positions, format_name)


@contextmanager
def _readable(task_folder: Path, unit: Manifest) -> Iterator[None]:
    """Turn what readers raise for a malformed file into one message that names the unit."""
    try:
        yield
    except _MALFORMED as error:
        if foreseen(error):  # a full disk, no permission: not about this file
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise BuildError(
            f"{task_folder}: {unit.name} cannot be read ({reason}); if it is being rebuilt, "
            "repeat the command later, otherwise check it with `m3it verify`"
        ) from error


def _read_rows(
    task_folder: Path, unit: Manifest, positions: Sequence[int] | None, format_name: str | None
) -> Iterator[BuiltRow]:
    read = _images_reader(task_folder, unit, format_name)
    for rows in _index_rows(task_folder / meta_path(unit.split, INDEX), positions):
        yield from starmap(BuiltRow, zip(rows, read(rows), strict=True))


def read_shard_rows(
    task_folder: Path, unit: Manifest, shard: int, *, with_images: bool
) -> Iterator[BuiltRow]:
    """Yield the rows of one shard in order; without images, they have an empty tuple.

    Raises:
        BuildError: as ``read_rows``.
    """
    with _readable(task_folder, unit):
        read = _images_reader(task_folder, unit, None)
        index = pq.ParquetFile(task_folder / meta_path(unit.split, INDEX))
        for group in groups_by_shard(index).get(shard, ()):
            rows = index_rows(index.read_row_group(group).to_pylist())
            images = read(rows) if with_images else repeat((), len(rows))
            yield from starmap(BuiltRow, zip(rows, images, strict=True))


def _images_reader(task_folder: Path, unit: Manifest, format_name: str | None) -> _ReadImages:
    """Return the function that yields the images of rows of one shard."""
    if unit.plan.images == "shared":
        return partial(_from_base, base_of(task_folder, unit))
    name = format_name or min(
        unit.formats, key=lambda name: FORMATS[name].reading_cost(unit.plan.images)
    )

    def read(rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
        # Paths follow from the split; those in the manifest could lead out of the folder.
        path = task_folder / FORMATS[name].path(unit.split, rows[0].shard)
        return _READERS[name](path, rows)

    return read


def _from_base(base: BaseUnit, rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
    """Yield the images of rows of a sibling, from the shard of the base with the same number."""
    wanted = {row.id for row in rows if row.images}
    index = pq.ParquetFile(base.folder / meta_path(base.manifest.split, INDEX))
    groups = groups_by_shard(index).get(rows[0].shard, []) if wanted else []
    stored = [
        row
        for group in groups
        for row in index_rows(index.read_row_group(group).to_pylist())
        if row.id in wanted
    ]
    read = _images_reader(base.folder, base.manifest, None)
    images = dict(zip([row.id for row in stored], read(stored), strict=True)) if stored else {}
    for row in rows:
        found = images.get(row.id, ())
        if [blake3(data).hexdigest() for data in found] != [image.digest for image in row.images]:
            raise BaseError(
                f"{base.folder}: {base.manifest.name} does not have the images of {row.id} any "
                "more; it was rebuilt since. Rebuild its siblings with --replace"
            )
        yield found


def _index_rows(path: Path, positions: Sequence[int] | None) -> Iterator[list[IndexRow]]:
    """Yield the requested rows, in one list per row group that has any."""
    index = pq.ParquetFile(path)
    first = 0
    for group in range(index.num_row_groups):
        count = index.metadata.row_group(group).num_rows
        wanted = list(range(count))
        if positions is not None:
            inside = slice(bisect_left(positions, first), bisect_left(positions, first + count))
            wanted = [position - first for position in positions[inside]]
        first += count
        if wanted:
            table = index.read_row_group(group).take(pa.array(wanted, pa.int64()))
            yield index_rows(table.to_pylist())


def _from_tar(path: Path, rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
    with path.open("rb") as file:
        for row in rows:
            data = _range(file, row.webdataset_offset, row.webdataset_length)
            first, *images = _members(data)
            embedded = msgspec.json.decode(first, type=_Embedded).image_base64_str
            yield tuple(images) if embedded is None else _decoded(embedded)


def _members(data: bytes) -> Iterator[bytes]:
    """Yield the contents of the tar members in a byte range."""
    offset = 0
    while offset < len(data):
        size = int(data[offset + 124 : offset + 135], 8)  # octal, in the ustar header
        yield data[offset + _BLOCK : offset + _BLOCK + size]
        offset += _BLOCK + -(-size // _BLOCK) * _BLOCK


def _from_jsonl(path: Path, rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
    with path.open("rb") as file:
        for row in rows:
            line = _range(file, row.jsonl_offset, row.jsonl_length)
            yield _decoded(msgspec.json.decode(line, type=_Embedded).image_base64_str or ())


def _from_parquet(path: Path, rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
    if rows[0].parquet_offset is None:  # base64, in compressed pages
        yield from _from_row_groups(path, rows)
        return
    with path.open("rb") as file:
        for row in rows:
            data = _range(file, row.parquet_offset, row.parquet_length)
            images = tuple(_values(data))
            if list(map(len, images)) != [image.bytes for image in row.images]:
                raise BuildError(
                    f"{path}: row {row.row} ({row.id}) is not at the byte offset of the index; "
                    "rebuild the unit with --replace"
                )
            yield images


def _values(data: bytes) -> Iterator[bytes]:
    """Yield the plain-encoded values in a byte range; each follows its length."""
    end = 0
    while end < len(data):
        start = end + _LENGTH_BYTES
        end = start + int.from_bytes(data[end:start], "little")
        yield data[start:end]


def _range(file: BinaryIO, offset: int | None, length: int | None) -> bytes:
    if offset is None or length is None:
        raise BuildError(
            f"{file.name}: the index has no byte ranges for this format; "
            "rebuild the unit with --replace"
        )
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise BuildError(f"{file.name}: truncated; rebuild the unit with --replace")
    return data


def _from_row_groups(path: Path, rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
    file = pq.ParquetFile(path)
    tables = (file.read_row_group(group) for group in range(file.num_row_groups))
    yield from _from_tables(tables, rows)


def _from_arrow(path: Path, rows: Sequence[IndexRow]) -> Iterator[tuple[bytes, ...]]:
    with pa.memory_map(str(path)) as file:
        tables = (pa.Table.from_batches([batch]) for batch in pa.ipc.open_stream(file))
        yield from _from_tables(tables, rows)


def _from_tables(
    tables: Iterator[pa.Table], rows: Sequence[IndexRow]
) -> Iterator[tuple[bytes, ...]]:
    wanted = iter(row.row for row in rows)
    position, first = next(wanted, None), 0
    for table in tables:
        while position is not None and position < first + table.num_rows:
            yield _images_of(table, position - first)
            position = next(wanted, None)
        first += table.num_rows


def _images_of(table: pa.Table, row: int) -> tuple[bytes, ...]:
    if "images" in table.column_names:
        return tuple(image["bytes"] for image in table["images"][row].as_py())
    return _decoded(table["image_base64_str"][row].as_py())


def _decoded(texts: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(pybase64.b64decode(text, validate=True) for text in texts)


_READERS: dict[str, Callable[[Path, Sequence[IndexRow]], Iterator[tuple[bytes, ...]]]] = {
    "webdataset": _from_tar,
    "jsonl": _from_jsonl,
    "parquet": _from_parquet,
    "arrow": _from_arrow,
}
assert set(_READERS) == set(FORMATS)  # noqa: S101 - a format without a reader is a bug
