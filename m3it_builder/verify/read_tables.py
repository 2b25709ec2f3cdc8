"""Rows of Parquet and Arrow shards, a few at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.shards.features import arrow_schema, table_features
from m3it_builder.verify.stored_row import Broken, Found, ImageEncoding, Note, decoded

_ROWS = 64  # at once: with images of a few hundred kB still no memory to speak of
_END = b"\xff\xff\xff\xff\0\0\0\0"  # of an Arrow stream
_IMAGES = ("images.list.element.bytes",)


def read_parquet(path: Path, encoding: ImageEncoding, note: Note) -> Iterator[Found]:
    """Yield the rows of a Parquet file.

    Raises:
        Broken: it has other columns, or a text is no UTF-8.
    """
    with pq.ParquetFile(path) as file:
        _check_schema(file.schema_arrow, encoding, note)
        _check_layout(file.metadata, note)
        yield from _rows(table_batches(file, range(file.num_row_groups), _ROWS), encoding)


def read_arrow(path: Path, encoding: ImageEncoding, note: Note) -> Iterator[Found]:
    """Yield the rows of an Arrow stream.

    Raises:
        Broken: it has other columns, a text is no UTF-8, or the end is missing.
    """
    with pa.OSFile(str(path)) as file:  # a mapped file would count as memory
        stream = pa.ipc.open_stream(file)
        _check_schema(stream.schema, encoding, note)
        yield from _rows(stream, encoding)
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


def _rows(batches: Any, encoding: ImageEncoding) -> Iterator[Found]:
    for batch in batches:
        for start in range(0, batch.num_rows, _ROWS):
            for row in batch_rows(batch.slice(start, _ROWS)):
                yield _found(row, encoding)


def _found(row: dict[str, Any], encoding: ImageEncoding) -> Found:
    if encoding == "base64":
        return Found(images=decoded(row.pop("image_base64_str")), texts=row)
    images = [image or {} for image in row.pop("images") or ()]
    return Found(
        texts=row,
        images=tuple(image.get("bytes") for image in images),
        paths=[image.get("path") for image in images],
    )


def _check_schema(schema: pa.Schema, encoding: ImageEncoding, note: Note) -> None:
    wanted = arrow_schema(table_features(encoding))
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
            if column.path_in_schema in _IMAGES and column.compression != "UNCOMPRESSED":
                note("parquet_layout", f"row group {number} holds compressed images")
            if not column.has_offset_index:
                note("parquet_layout", f"row group {number} has no page index")
                return
