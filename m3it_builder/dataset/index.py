"""The index of a unit: all text columns of every row, and the location of the row.

It is one Parquet file beside the shards of all formats. Audits and searches read it and
open no shard; random access finds the byte range of a row in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec.structs import astuple

from m3it_builder.dataset.index_row import IndexRow, arrow_schema
from m3it_builder.errors import BuildError
from m3it_builder.records import Reject
from m3it_builder.shards.formats import FORMATS, RowRanges

SCHEMA = arrow_schema()
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
GROUP_ROWS = 4_000
_REJECT_ROWS = 50_000
_WITH_DICTIONARY = ["task", "split", "lang", "instruction", "license", "image_license"]


class PartWriter:
    """Writes the index rows of one shard while the shard is packed.

    The byte range of a row may become known after the row (Parquet: when its page is
    written), so a batch is buffered until the ranges of all its rows are known.
    """

    def __init__(self, path: Path, ranges: Mapping[str, RowRanges]) -> None:
        """Prepare a writer; the context manager opens the file.

        Args:
            path: Arrow file to write.
            ranges: byte ranges of the rows, by format; they grow while shards are written.
        """
        self._path = path
        self._ranges = ranges
        self._rows: list[IndexRow] = []
        self._waiting: list[list[IndexRow]] = []
        self._written = 0

    def __enter__(self) -> PartWriter:
        self._file = pa.OSFile(str(self._path), "wb")
        self._writer = pa.ipc.new_file(self._file, SCHEMA)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file:
            if kind is None:
                self._writer.close()

    def write(self, row: IndexRow) -> None:
        """Append one row without byte ranges; those are filled in."""
        self._rows.append(row)
        if len(self._rows) == GROUP_ROWS:
            self._waiting.append(self._rows)
            self._rows = []
            self._write_known()

    def finish(self) -> None:
        """Write the remaining rows; all files of the shard must be complete."""
        if self._rows:
            self._waiting.append(self._rows)
            self._rows = []
        self._write_known()

    def _write_known(self) -> None:
        known = min(map(len, self._ranges.values()), default=None)
        while self._waiting and (known is None or self._written + len(self._waiting[0]) <= known):
            rows = self._waiting.pop(0)
            self._writer.write_batch(self._batch(rows))
            self._written += len(rows)

    def _batch(self, rows: Sequence[IndexRow]) -> pa.RecordBatch:
        end = self._written + len(rows)
        ranges: dict[str, pa.Array] = {}
        for name, known in self._ranges.items():
            offsets, lengths = FORMATS[name].range_columns
            ranges[offsets] = pa.array(known.offsets[self._written : end], pa.int64())
            ranges[lengths] = pa.array(known.lengths[self._written : end], pa.int64())
        values = dict(zip(SCHEMA.names, zip(*map(astuple, rows), strict=True), strict=True))
        columns = [
            ranges[field.name] if field.name in ranges else _column(values[field.name], field.type)
            for field in SCHEMA
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def merge(parts: Iterable[Path], target: Path) -> None:
    """Merge the index parts of all shards, in order, into the index of the unit.

    No row group has rows of two shards, so that the rows of one shard can be extracted.
    """
    with pq.ParquetWriter(
        target, SCHEMA, compression="ZSTD", write_page_index=True, use_dictionary=_WITH_DICTIONARY
    ) as writer:
        for part in parts:
            with pa.OSFile(str(part), "rb") as file:
                batches = pa.ipc.open_file(file)
                for number in range(batches.num_record_batches):
                    writer.write_batch(batches.get_batch(number), row_group_size=GROUP_ROWS)


def groups_by_shard(index: pq.ParquetFile) -> dict[int, list[int]]:
    """Return the row groups of an index by the number of their shard, in order.

    Raises:
        BuildError: a row group does not say of which shard it is.
    """
    # Nested columns have several leaves, so the number of a column in the file differs from
    # that in the schema. A row group has rows of one shard only: the minimum of the column.
    metadata, groups = index.metadata, dict[int, list[int]]()
    leaf = index.schema.names.index("shard")
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(leaf).statistics
        if statistics is None:
            raise BuildError("the index has no statistics; rebuild the unit with --replace")
        groups.setdefault(statistics.min, []).append(group)
    return groups


def without_ranges(table: pa.Table, formats: Iterable[str]) -> pa.Table:
    """Return index rows with the byte ranges of some formats set to null."""
    for column in (column for name in formats for column in FORMATS[name].range_columns):
        if column in table.column_names:
            position = table.column_names.index(column)
            table = table.set_column(position, column, pa.nulls(table.num_rows, pa.int64()))
    return table


def write_rejects(path: Path, unit: tuple[str, str], rejects: Iterable[tuple[str, Reject]]) -> None:
    """Write the table of rejects of a unit in batches; without rejects, an empty table.

    An empty table has no row group: ``datasets`` takes the number of rows of the first one
    for its batch size, which cannot be 0.
    """
    task, split = unit
    with pq.ParquetWriter(path, REJECTS, compression="ZSTD") as writer:
        rows: list[tuple[str, ...]] = []
        for stage, reject in rejects:
            rows.append((task, split, stage, reject.id, reject.reason, reject.detail))
            if len(rows) == _REJECT_ROWS:
                writer.write_batch(_reject_batch(rows))
                rows.clear()
        if rows:
            writer.write_batch(_reject_batch(rows))


def _reject_batch(rows: Sequence[tuple[str, ...]]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=REJECTS)


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return one column; lists of structs are built field by field, three times as fast."""
    if not pa.types.is_list(kind) or not pa.types.is_struct(kind.value_type):
        return pa.array(values, kind)
    offsets = array("i", accumulate(map(len, values), initial=0))
    items = [astuple(item) for row in values for item in row]
    fields = list(kind.value_type)
    parts = zip(*items, strict=True) if items else [()] * len(fields)
    arrays = [pa.array(part, field.type) for part, field in zip(parts, fields, strict=True)]
    structs = pa.StructArray.from_arrays(arrays, fields=fields)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, type=kind)
