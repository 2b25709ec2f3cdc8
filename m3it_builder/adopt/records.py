"""Records out of scans: one unit's rows, with ids that speak of nothing but content."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import orjson
from blake3 import blake3

from m3it_builder.adopt.scan import LightRow, OddLine, light_rows
from m3it_builder.records import Image, Record, Reject, Slice, Turn
from m3it_builder.sources.source import Source

_ID_BYTES = 16
_NOTE = "adopted"  # key of the meta that says where a row stood


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One scanned file: its path, its name in the download, its light rows."""

    file: str
    name: str
    rows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the records of a unit are made from."""

    task: str
    rows: Rows
    images: Rows | None  # rows of the same order, where the images of a translated set are
    labels: tuple[str, ...]  # names of classes by number
    has_pool: bool


def records(source: Source, reading: Reading) -> Iterator[Record | Reject]:
    """Yield a record or a reject for every line of a published file."""
    with closing(_Seen()) as seen:
        for row, shown in _paired(reading):
            source.position = f"{reading.rows.name} line {row.line}"
            place = f"{reading.rows.name}:{row.line}"
            if isinstance(row, OddLine):
                yield Reject(place, row.reason, row.detail)
                continue
            made = _record(row, shown, reading, source.split)
            if isinstance(made, Reject):
                yield replace(made, id=place)
            elif (first := seen.line(made.id, row.line)) != row.line:
                yield Reject(made.id, "duplicate_row", f"{place} repeats line {first}")
            else:
                yield made


def content_id(task: str, split: str, row: LightRow, outputs: str) -> str:
    """Return the id of a row: 32 hexadecimal digits of a BLAKE3 digest.

    It covers task, split, texts, the bytes of the images and the meta as
    published, and neither the file, the line, nor the way base64 was written.
    Rows of one id are equal in all of these.
    """
    digests = [image[4] for image in row.images]
    texts = [row.instruction or "", row.inputs or "", outputs]
    content = orjson.dumps([task, split, texts, digests, row.meta], option=orjson.OPT_SORT_KEYS)
    return blake3(content).hexdigest(_ID_BYTES)


def _paired(reading: Reading) -> Iterator[tuple[LightRow | OddLine, LightRow | OddLine | None]]:
    """Yield each row with the one of the same place in the file of images, if there is one."""
    rows = light_rows(Path(reading.rows.rows))
    if reading.images is None:
        return zip(rows, repeat(None))
    shown = light_rows(Path(reading.images.rows))
    return zip(rows, chain(shown, repeat(None)), strict=False)


def _record(
    row: LightRow, shown: LightRow | OddLine | None, reading: Reading, split: str
) -> Record | Reject:
    shelf, line = reading.rows, row.line
    if reading.images is not None and not row.images:
        if not isinstance(shown, LightRow):
            return Reject("", "no_image_row", f"{reading.images.name} has no such row")
        shelf, line = reading.images, shown.line
        row = replace(row, images=shown.images, meta={**shown.meta, **row.meta})
    outputs = row.outputs
    if row.label is not None:
        if not 0 <= row.label < len(reading.labels):
            return Reject("", "label_unnamed", f"class {row.label} of {len(reading.labels)}")
        outputs = reading.labels[row.label]
        row = replace(row, meta={**row.meta, "label": row.label})
    if not row.instruction and not reading.has_pool:
        return Reject("", "no_instruction", "neither the row nor a pool beside it has one")
    note: dict[str, Any] = {"file": reading.rows.name, "line": row.line}
    return Record(
        id=content_id(reading.task, split, row, outputs or ""),
        instruction=row.instruction or "",
        turns=(Turn(row.inputs or "", outputs or ""),),
        images=tuple(
            Image(f"{shelf.name}#{line}.{place}", location=_place(shelf, image))
            for place, image in enumerate(row.images)
        ),
        meta=_with_note(row.meta, note),
    )


def _with_note(meta: Mapping[str, Any], note: Any) -> dict[str, Any]:
    """Add where a row stood; a key of that name that the row has of its own is renamed."""
    own = {f"{_NOTE}_": meta[_NOTE]} if _NOTE in meta else {}
    return {**own, **meta, _NOTE: note}


def _place(shelf: Rows, image: list[Any]) -> Slice:
    offset, packed, length, crc, _ = image
    return Slice(shelf.file, offset, length, packed, "base64", crc)


class _Seen:
    """Ids met so far, on disk where they are many."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("")  # a temporary file that goes with the connection
        self._base.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-16384;"
            "CREATE TABLE seen (id BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Forget them."""
        self._base.close()

    def line(self, row_id: str, line: int) -> int:
        """Return the line on which an id was met first: this one, if it is new."""
        key = bytes.fromhex(row_id)
        done = self._base.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (key, line))
        if done.rowcount:
            return line
        (first,) = self._base.execute("SELECT line FROM seen WHERE id = ?", (key,)).fetchone()
        return int(first)
