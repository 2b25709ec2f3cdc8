"""Rows of Parquet and Arrow shards, in small batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.records import JsonObject
from m3it_builder.shards.features import arrow_schema, table_features
from m3it_builder.verify.parquet_ranges import IMAGE_BYTES, image_ranges, is_plain
from m3it_builder.verify.stored_row import (
    ImageEncoding,
    ReadError,
    Reporter,
    StoredRow,
    decode_base64_images,
    first_line,
)

_BATCH_ROWS = 64  # some 20 MB, with images of a few hundred kB
_END_OF_STREAM = b"\xff\xff\xff\xff\0\0\0\0"


def read_parquet(path: Path, encoding: ImageEncoding, report: Reporter) -> Iterator[StoredRow]:
    """Yield the rows of a Parquet file.

    Raises:
        ReadError: it has unexpected columns, malformed image pages, or a text is not UTF-8.
    """
    with pq.ParquetFile(path) as file:
        _check_schema(file.schema_arrow, encoding, report)
        _check_layout(file.metadata, report)
        rows = _rows(table_batches(file, range(file.num_row_groups), _BATCH_ROWS), encoding)
        if encoding != "bytes":  # compressed, so that a row is not one range of bytes
            yield from rows
            return
        for row, byte_range in zip(rows, image_ranges(path, file), strict=True):
            yield replace(row, byte_range=byte_range)


def read_arrow(path: Path, encoding: ImageEncoding, report: Reporter) -> Iterator[StoredRow]:
    """Yield the rows of an Arrow stream.

    Raises:
        ReadError: it has unexpected columns, a text is not UTF-8, or the end marker is missing.
    """
    with pa.OSFile(str(path)) as file:  # a memory map would count as resident memory
        stream = pa.ipc.open_stream(file)
        _check_schema(stream.schema, encoding, report)
        yield from _rows(stream, encoding)
        file.seek(max(0, file.size() - len(_END_OF_STREAM)))
        if file.read() != _END_OF_STREAM:
            raise ReadError("shard_unreadable", "the file does not end with an end-of-stream mark")


def table_batches(
    file: pq.ParquetFile, groups: Iterable[int], rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield batches of a Parquet file, row group by row group."""
    for group in groups:  # one iterator over all row groups would keep them all in memory
        yield from file.iter_batches(rows, row_groups=[group], columns=columns)


def batch_rows(batch: pa.RecordBatch) -> list[JsonObject]:
    """Return the rows of a batch after validating its texts and offsets.

    Raises:
        ReadError: ``invalid_text`` or ``shard_unreadable``.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowException as error:
        detail = first_line(error)
        check = "invalid_text" if "UTF8" in detail.upper() else "shard_unreadable"
        raise ReadError(check, detail) from error
    rows: list[JsonObject] = batch.to_pylist()
    return rows


def schema_difference(actual: pa.Schema, expected: pa.Schema) -> str:
    """Return up to four columns that only one of two schemas has; else their order differs."""
    columns = {str(column) for column in actual} ^ {str(column) for column in expected}
    return ", ".join(sorted(columns)[:4]) or "their order"


def _rows(batches: Any, encoding: ImageEncoding) -> Iterator[StoredRow]:
    for batch in batches:
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            for row in batch_rows(batch.slice(start, _BATCH_ROWS)):
                yield _stored_row(row, encoding)


def _stored_row(row: JsonObject, encoding: ImageEncoding) -> StoredRow:
    if encoding == "shared":
        return StoredRow(images=(), image_ids=row.pop("image_ids"), texts=row)
    if encoding == "base64":
        return StoredRow(images=decode_base64_images(row.pop("image_base64_str")), texts=row)
    images = [image or {} for image in row.pop("images") or ()]
    return StoredRow(
        texts=row,
        images=tuple(image.get("bytes") for image in images),
        paths=[image.get("path") for image in images],
    )


def _check_schema(schema: pa.Schema, encoding: ImageEncoding, report: Reporter) -> None:
    expected = arrow_schema(table_features(encoding))
    if not schema.equals(expected):
        raise ReadError("shard_schema", f"columns differ: {schema_difference(schema, expected)}")
    key = b"huggingface"
    if _json((schema.metadata or {}).get(key)) != _json(expected.metadata[key]):
        report("shard_schema", "the features in the file metadata are not those of its columns")


def _json(text: bytes | None) -> Any:
    try:
        return json.loads(text or b"")
    except ValueError:
        return None


def _check_layout(metadata: Any, report: Reporter) -> None:
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for position in range(group.num_columns):
            column = group.column(position)
            if column.path_in_schema == IMAGE_BYTES and not is_plain(column):
                report("parquet_layout", f"row group {number} has compressed or encoded images")
            if not column.has_offset_index:
                report("parquet_layout", f"row group {number} has no page index")
                return
