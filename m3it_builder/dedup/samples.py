"""Choose sample pairs of each kind for the report: rows with their texts and thumbnails."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
from PIL import Image as PILImage

from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.dedup.tables import SHARD_ERRORS, BuiltUnit
from m3it_builder.media.images import exif_transposed
from m3it_builder.media.probe import BadImage

_MAX_SAMPLES = 60
_PER_KIND = 2  # of one pair of units
_THUMBNAIL_SIDE = 160  # pixels, the longer side
_MAX_CHARACTERS = 300  # of a text

# The least similar first: they show what the thresholds let through. Leaks come before matches
# within one unit.
_SAMPLES = f"""
WITH ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY left_unit, right_unit, kind
        ORDER BY distance DESC, fine_distance DESC, share, left_row, right_row, left_position,
                 right_position
    ) AS number
    FROM pairs)
SELECT kind, left_unit, left_row, left_position, right_unit, right_row, right_position, distance,
       share
FROM ranked JOIN units l ON l.unit = left_unit JOIN units r ON r.unit = right_unit
WHERE number <= {_PER_KIND}
ORDER BY number, l.split = r.split, left_unit = right_unit, kind <> 'near', left_unit, right_unit
LIMIT {_MAX_SAMPLES}
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True)
class Side:
    """One row of a pair."""

    unit: str
    id: str
    image: int | None  # position in the row, from 0; None for text overlap
    thumbnail: str  # data URI, or ""
    inputs: str
    outputs: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One pair of matching rows."""

    kind: str
    left: Side
    right: Side
    distance: int | None
    share: float | None


class _Pair(NamedTuple):
    kind: str
    left_unit: int
    left_row: int
    left_position: int | None
    right_unit: int
    right_row: int
    right_position: int | None
    distance: int | None
    share: float | None


def choose_samples(database: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> list[Sample]:
    """Return some pairs of each kind and pair of units, with their texts and thumbnails."""
    pairs = [_Pair(*values) for values in database.execute(_SAMPLES).fetchall()]
    left_rows = {(pair.left_unit, pair.left_row) for pair in pairs}
    right_rows = {(pair.right_unit, pair.right_row) for pair in pairs}
    rows = _read(units, sorted(left_rows | right_rows))
    return [
        Sample(
            kind=pair.kind,
            left=_side(
                units[pair.left_unit],
                rows.get((pair.left_unit, pair.left_row)),
                pair.left_position,
            ),
            right=_side(
                units[pair.right_unit],
                rows.get((pair.right_unit, pair.right_row)),
                pair.right_position,
            ),
            distance=pair.distance,
            share=pair.share,
        )
        for pair in pairs
    ]


def _read(
    units: Sequence[BuiltUnit], wanted: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], BuiltRow]:
    """Read rows by (unit, row), without the unreadable ones, which the report lists elsewhere."""
    found: dict[tuple[int, int], BuiltRow] = {}
    for unit in units:
        for row in (row for number, row in wanted if number == unit.number):
            try:
                for built in read_rows(unit.folder, unit.manifest, [row]):
                    found[unit.number, row] = built
            except SHARD_ERRORS:
                continue
    return found


def _side(unit: BuiltUnit, row: BuiltRow | None, position: int | None) -> Side:
    if row is None:
        return Side(unit.name, "", position, "", "the shard cannot be read", "")
    return Side(
        unit=unit.name,
        id=row.row.id,
        image=position,
        thumbnail=_thumbnail(row.images, position or 0),
        inputs=_truncate(row.row.inputs),
        outputs=_truncate(row.row.outputs),
    )


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS] + "…"


def _thumbnail(images: Sequence[bytes], position: int) -> str:
    if position >= len(images):
        return ""
    try:
        image = exif_transposed(images[position])
    except BadImage:
        return ""
    image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE), PILImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
