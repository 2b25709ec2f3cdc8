"""Rows of Parquet and Arrow shards, a few at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.shards.features import arrow_schema, table_features
from m3it_builder.verify.stored_row import Broken, Found, Images, Note, decoded

_ROWS = 64  # at once: with pictures of a few hundred kB still no memory to speak of
_END = b"\xff\xff\xff\xff\0\0\0\0"  # of an Arrow stream
_PICTURES = ("images.list.element.bytes",)


def read_parquet(path: Path, images: Images, note: Note) -> Iterator[Found]:
    """Yield the rows of a Parquet file.

    Raises:
        Broken: it has other columns, or a text is no UTF-8.
    """
    with pq.ParquetFile(path) as file:
        _check_schema(file.schema_arrow, images, note)
        _check_layout(file.metadata, note)
        yield from _rows(table_batches(file, range(file.num_row_groups), _ROWS), images)


def read_arrow(path: Path, images: Images, note: Note) -> Iterator[Found]:
    """Yield the rows of an Arrow stream.

    Raises:
        Broken: it has other columns, a text is no UTF-8, or the end is missing.
    """
    with pa.OSFile(str(path)) as file:  # a mapped file would count as memory
        stream = pa.ipc.open_stream(file)
        _check_schema(stream.schema, images, note)
        yield from _rows(stream, images)
        file.seek(max(0, file.size() - len(_END)))
        if file.read() != _END:
            raise Broken("shard_unreadable", "the stream has no end, or something behind it")


def table_batches(
    file: pq.ParquetFile, groups: Iterable[int], rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield batches of a Parquet file; one iterator over all groups would keep them all."""
    for group in groups:
        yield from file.iter_batches(rows, row_groups=[group], columns=columns)


def batch_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return the rows of a batch, its texts and offsets checked before they are touched.

    Raises:
        Broken: ``damaged_text`` or ``shard_unreadable``.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowException as error:
        what = str(error).splitlines()[0]
        check = "damaged_text" if "UTF8" in what.upper() else "shard_unreadable"
        raise Broken(check, what) from error
    rows: list[dict[str, Any]] = batch.to_pylist()
    return rows


def _rows(batches: Any, images: Images) -> Iterator[Found]:
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS):
            for row in batch_rows(batch.slice(start, _ROWS)):
                yield _found(row, images)


def _found(row: dict[str, Any], images: Images) -> Found:
    if images == "base64":
        return Found(pictures=decoded(row.pop("image_base64_str")), texts=row)
    pictures = [picture or {} for picture in row.pop("images") or ()]
    return Found(
        texts=row,
        pictures=tuple(picture.get("bytes") for picture in pictures),
        paths=[picture.get("path") for picture in pictures],
    )


def _check_schema(schema: pa.Schema, images: Images, note: Note) -> None:
    wanted = arrow_schema(table_features(images))
    if not schema.equals(wanted):
        odd = sorted({str(f) for f in schema} ^ {str(f) for f in wanted}) or ["their order"]
        raise Broken("shard_schema", f"columns differ: {', '.join(odd[:4])}")
    key = b"huggingface"
    if _json((schema.metadata or {}).get(key)) != _json(wanted.metadata[key]):
        note("shard_schema", "the features inside the file are not those of its columns")


def _json(text: bytes | None) -> Any:
    try:
        return json.loads(text or b"")
    except ValueError:
        return None


def _check_layout(metadata: Any, note: Note) -> None:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for place in range(group.num_columns):
            column = group.column(place)
            if column.path_in_schema in _PICTURES and column.compression != "UNCOMPRESSED":
                note("parquet_layout", f"row group {number} holds compressed pictures")
            if not column.has_offset_index:
                note("parquet_layout", f"row group {number} has no page index")
                return
