"""Turn scanned rows into records whose ids depend on content alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3
from msgspec import structs

from m3it_builder.adopt.scanned_rows import (
    ImageSpan,
    MalformedLine,
    ScannedLine,
    ScannedRow,
    read_scanned,
)
from m3it_builder.records import Image, Record, Reject, Slice, Turn
from m3it_builder.sources.source import Source
from m3it_builder.storage.json_values import dumps

if TYPE_CHECKING:
    from pydantic import JsonValue

_ID_BYTES = 16
ORIGIN_KEY = "adopted"  # meta key that gives the file and line of a row


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """One scanned file of a download."""

    name: str  # "<source_id>/<path>"
    path: str
    rows_path: str  # scanned rows


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFiles:
    """What the records of a unit are made from."""

    task: str
    rows: RowFile
    images: RowFile | None  # of a translated set: rows with the images, in the same order
    labels: tuple[str, ...]  # class names by number
    has_pool: bool
    is_base: bool = False  # rows with the images of translated sets; they may lack texts


def convert(source: Source, files: UnitFiles) -> Iterator[Record | Reject]:
    """Yield a record or a reject forevery line of a published file."""
    with closing(_FirstLines()) as first_lines:
        for row, image_row in _rows(files):
            source.position = f"{files.rows.name} line {row.line}"
            name = f"{files.rows.name}:{row.line}"
            if isinstance(row, MalformedLine):
                yield Reject(name, row.reason, row.detail)
                continue
            result = _record(row, image_row, files, source.split)
            if isinstance(result, Reject):
                yield Reject(name, result.reason, result.detail)
            elif files.is_base:
                yield _numbered(result, first_lines, row.line)
            elif (first := first_lines.add(result.id, row.line)) != row.line:
                yield Reject(result.id, "duplicate_row", f"{name} repeats line {first}")
            else:
                yield result


def _numbered(record: Record, first_lines: _FirstLines, line: int) -> Record:
    """Return a row of a base under an id of its own: equal ones may have several translations."""
    number, row_id = 0, record.id
    while first_lines.add(row_id, line) != line:
        number += 1
        row_id = blake3(f"{record.id}/{number}".encode()).hexdigest(_ID_BYTES)
    return structs.replace(record, id=row_id)


def content_id(task: str, split: str, row: ScannedRow, outputs: str) -> str:
    """Return the id of a row: 32 hexadecimal digits of a BLAKE3 digest.

    It covers task, split, texts, image bytes and the meta as published, but neither
    the file, the line, nor the spelling of the base64.
    """
    digests = [image.digest for image in row.images]
    texts = [row.instruction or "", row.inputs or "", outputs]
    content = dumps([task, split, texts, digests, row.meta], sort_keys=True)
    return blake3(content).hexdigest(_ID_BYTES)


def _rows(files: UnitFiles) -> Iterator[tuple[ScannedLine, ScannedLine | None]]:
    """Yield each row with the row at the same position in the image file, if there is one."""
    rows = read_scanned(Path(files.rows.rows_path))
    if files.images is None:
        return zip(rows, repeat(None))
    image_rows = read_scanned(Path(files.images.rows_path))
    return zip(rows, chain(image_rows, repeat(None)), strict=False)


def _record(
    row: ScannedRow, image_row: ScannedLine | None, files: UnitFiles, split: str
) -> Record | Reject:
    file, line = files.rows, row.line
    if files.images is not None and not row.images:
        if not isinstance(image_row, ScannedRow):
            return Reject("", "no_image_row", f"{files.images.name}: no valid row at this position")
        file, line = files.images, image_row.line
        row = replace(row, images=image_row.images, meta={**image_row.meta, **row.meta})
    outputs = row.outputs
    if row.label is not None:
        if not 0 <= row.label < len(files.labels):
            return Reject("", "label_unnamed", f"class {row.label} of {len(files.labels)}")
        outputs = files.labels[row.label]
        row = replace(row, meta={**row.meta, "label": row.label})
    if not row.instruction and not files.has_pool and not files.is_base:
        return Reject("", "no_instruction", "the row has none, and there is no instruction pool")
    return Record(
        id=content_id(files.task, split, row, outputs or ""),
        instruction=row.instruction or "",
        turns=(Turn(row.inputs or "", outputs or ""),),
        images=tuple(
            Image(f"{file.name}#{line}.{position}", location=_location(file, image))
            for position, image in enumerate(row.images)
        ),
        meta=with_origin(row.meta, {"file": files.rows.name, "line": row.line}),
    )


def with_origin(
    meta: Mapping[str, JsonValue], origin: dict[str, JsonValue]
) -> dict[str, JsonValue]:
    """Return a meta with the origin of its row; a key of that name that it has is renamed."""
    renamed = {f"{ORIGIN_KEY}_": meta[ORIGIN_KEY]} if ORIGIN_KEY in meta else {}
    return {**renamed, **meta, ORIGIN_KEY: origin}


def _location(file: RowFile, image: ImageSpan) -> Slice:
    return Slice(file.path, image.offset, image.length, image.stored_length, "base64", image.crc)


class _FirstLines:
    """The first line of each id, in a temporary SQLite database."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("")  # a temporary file, deleted on close
        self._connection.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
            "CREATE TABLE first_lines (id BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID"
        )

    def close(self) -> None:
        self._connection.close()

    def add(self, row_id: str, line: int) -> int:
        """Return the first line with an id, which is ``line`` if the id is new."""
        key = bytes.fromhex(row_id)
        insert = "INSERT OR IGNORE INTO first_lines VALUES (?, ?)"
        if self._connection.execute(insert, (key, line)).rowcount:
            return line
        select = "SELECT line FROM first_lines WHERE id = ?"
        (first,) = self._connection.execute(select, (key,)).fetchone()
        return int(first)
