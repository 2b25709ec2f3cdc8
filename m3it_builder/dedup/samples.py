"""A few pairs of each kind to look at: rows, their texts, and small images."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from PIL import Image as PILImage

from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.dedup.tables import BuiltUnit
from m3it_builder.media.images import displayed
from m3it_builder.media.probe import BadImage

_MOST = 60  # pairs
_EACH = 2  # of one kind, of one pair of units
_SIDE = 160  # pixels, the longer side
_LETTERS = 300
_TORN = (OSError, ValueError, LookupError)

# The least alike first: they show how far "near" goes. Leaks before repeats within one unit.
_CHOSEN = f"""
WITH ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY left_unit, right_unit, kind
        ORDER BY distance DESC, fine_distance DESC, share, left_row, right_row, left_nth, right_nth
    ) AS place
    FROM lines)
SELECT kind, left_unit, left_row, left_nth, right_unit, right_row, right_nth, distance, share
FROM ranked JOIN units l ON l.unit = left_unit JOIN units r ON r.unit = right_unit
WHERE place <= {_EACH}
ORDER BY place, l.split = r.split, left_unit = right_unit, kind <> 'near', left_unit, right_unit
LIMIT {_MOST}
"""  # noqa: S608 - numbers of our own


@dataclass(frozen=True, slots=True)
class Side:
    """One row of a pair."""

    unit: str
    id: str
    image: int | None  # of the row, from 0; None where it is the text that is alike
    thumbnail: str  # a data URI; "" where there is none
    inputs: str
    outputs: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One pair of rows that are alike."""

    kind: str
    left: Side
    right: Side
    distance: int | None
    share: float | None


def choose_samples(base: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> list[Sample]:
    """Return some pairs of each kind and each pair of units, with what there is to see."""
    chosen = base.execute(_CHOSEN).fetchall()
    wanted = {(line[place], line[place + 1]) for line in chosen for place in (1, 4)}
    rows = _read(units, sorted(wanted))
    return [
        Sample(
            kind=line[0],
            left=_side(units[line[1]], rows.get((line[1], line[2])), line[3]),
            right=_side(units[line[4]], rows.get((line[4], line[5])), line[6]),
            distance=line[7],
            share=line[8],
        )
        for line in chosen
    ]


def _read(
    units: Sequence[BuiltUnit], wanted: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], BuiltRow]:
    """Read rows by (unit, row); what cannot be read is left out, the report says so elsewhere."""
    found: dict[tuple[int, int], BuiltRow] = {}
    for unit in units:
        for place in (row for number, row in wanted if number == unit.number):
            try:
                for built in read_rows(unit.folder, unit.manifest, [place]):
                    found[unit.number, place] = built
            except _TORN:
                continue
    return found


def _side(unit: BuiltUnit, row: BuiltRow | None, nth: int | None) -> Side:
    if row is None:
        return Side(unit.name, "", nth, "", "its shard cannot be read", "")
    texts: dict[str, Any] = row.texts
    return Side(
        unit=unit.name,
        id=texts["id"],
        image=nth,
        thumbnail=_thumbnail(row.images, nth or 0),
        inputs=_short(texts["inputs"]),
        outputs=_short(texts["outputs"]),
    )


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else text[:_LETTERS] + "…"


def _thumbnail(images: Sequence[bytes], nth: int) -> str:
    if nth >= len(images):
        return ""
    try:
        image = displayed(images[nth])
    except BadImage:
        return ""
    image.thumbnail((_SIDE, _SIDE), PILImage.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=72)
    return "data:image/jpeg;base64," + b64encode(buffer.getvalue()).decode()
