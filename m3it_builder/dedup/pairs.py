"""Which rows are alike, told by image and by pair of units, and how many there are.

An image in a hundred rows here and in a hundred there would be ten thousand
pairs of rows. It is one line instead, which names the first row on either side
and says how many rows each has; rows are counted by joining, never by listing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

KINDS = ("exact", "near", "text")

# Images of one look, by unit: those of the lowest and the highest number stand for all.
_LOOK_USES = """
CREATE TABLE look_uses AS
SELECT look, unit, count(DISTINCT row)::INTEGER AS rows, min((image, row, nth)) AS low,
       max((image, row, nth)) AS high
FROM appearances JOIN alike USING (image) GROUP BY ALL
"""
_SAME_USES = """
CREATE TABLE same_uses AS
SELECT whole, side, unit, imaged, count(*)::INTEGER AS rows, min(row) AS row
FROM same GROUP BY ALL
"""
_LINES = """
CREATE TABLE lines (kind TEXT, left_unit INTEGER, left_row INTEGER, left_nth INTEGER,
    left_rows INTEGER, right_unit INTEGER, right_row INTEGER, right_nth INTEGER,
    right_rows INTEGER, distance INTEGER, fine_distance INTEGER, share DOUBLE)
"""
_EXACT = """
INSERT INTO lines
SELECT 'exact', a.unit, a.first[1], a.first[2], a.rows, b.unit, b.first[1], b.first[2], b.rows,
       0, 0, NULL
FROM uses a JOIN uses b USING (image) WHERE a.unit < b.unit
UNION ALL
SELECT 'exact', unit, first[1], first[2], rows, unit, last[1], last[2], rows, 0, 0, NULL
FROM uses WHERE rows > 1
"""
_ONE_LOOK = """
INSERT INTO lines
SELECT 'near', a.unit, l[2], l[3], a.rows, b.unit, r[2], r[3], b.rows, 0, 0, NULL
FROM (SELECT a, b, if(a.low[1] <> b.high[1], a.low, a.high) AS l,
             if(a.low[1] <> b.high[1], b.high, b.low) AS r
      FROM look_uses a JOIN look_uses b USING (look)
      WHERE a.unit < b.unit OR (a.unit = b.unit AND a.rows > 1))
WHERE l[1] <> r[1]
"""
_TWO_LOOKS = """
INSERT INTO lines
SELECT 'near', a.unit, a.low[2], a.low[3], a.rows, b.unit, b.low[2], b.low[3], b.rows, bits,
       fine_bits, NULL
FROM (SELECT one, two, bits, fine_bits FROM near
      UNION ALL SELECT two, one, bits, fine_bits FROM near) pair
JOIN look_uses a ON a.look = pair.one JOIN look_uses b ON b.look = pair.two
WHERE a.unit < b.unit
   OR (a.unit = b.unit AND a.look < b.look
       AND NOT (a.rows = 1 AND b.rows = 1 AND a.low[2] = b.low[2]))
"""
_TEXT = """
INSERT INTO lines
SELECT 'text', least(e.unit, t.unit), if(e.unit < t.unit, e.row, t.row), NULL,
       if(e.unit < t.unit, e.rows, t.rows), greatest(e.unit, t.unit),
       if(e.unit < t.unit, t.row, e.row), NULL, if(e.unit < t.unit, t.rows, e.rows), NULL, NULL,
       1.0
FROM same_uses e JOIN same_uses t USING (whole)
WHERE e.side = 'evaluation' AND t.side = 'training' AND NOT (e.imaged AND t.imaged)
UNION ALL
SELECT 'text', least(unit, training_unit), if(unit < training_unit, row, training_row), NULL, 1,
       greatest(unit, training_unit), if(unit < training_unit, training_row, row), NULL, 1, NULL,
       NULL, share
FROM copied
"""
# Rows of one unit that have a like in another, or a second one in their own.
_TOUCHED = """
CREATE TABLE touched AS
SELECT 'exact' AS kind, a.unit AS unit, b.unit AS other, count(DISTINCT a.row) AS rows
FROM appearances a JOIN uses b USING (image) WHERE a.unit <> b.unit OR b.rows > 1 GROUP BY ALL
UNION ALL
SELECT 'near', unit, other, count(DISTINCT row) FROM (
    SELECT a.unit, a.row, b.unit AS other
    FROM appearances a JOIN alike USING (image) JOIN look_uses b USING (look)
    WHERE (b.low[1] <> a.image OR b.high[1] <> a.image) AND (a.unit <> b.unit OR b.rows > 1)
    UNION ALL
    SELECT a.unit, a.row, b.unit
    FROM appearances a JOIN alike USING (image)
    JOIN (SELECT one, two FROM near UNION ALL SELECT two, one FROM near) pair ON pair.one = look
    JOIN look_uses b ON b.look = pair.two
    WHERE a.unit <> b.unit OR b.rows > 1 OR b.low[2] <> a.row)
GROUP BY ALL
UNION ALL
SELECT 'text', unit, other, count(DISTINCT row) FROM (
    SELECT unit, row, training_unit AS other FROM copied
    UNION ALL SELECT training_unit, training_row, unit FROM copied
    UNION ALL
    SELECT a.unit, a.row, b.unit FROM same a JOIN same_uses b USING (whole)
    WHERE a.side <> b.side AND NOT (a.imaged AND b.imaged))
GROUP BY ALL
"""
_NAMED = """
SELECT kind, l.task AS left_task, l.split AS left_split, a.id AS left_id, left_nth AS left_image,
       left_rows, r.task AS right_task, r.split AS right_split, b.id AS right_id,
       right_nth AS right_image, right_rows, distance, fine_distance, share,
       l.name AS left_unit, r.name AS right_unit
FROM lines JOIN units l ON l.unit = left_unit JOIN units r ON r.unit = right_unit
JOIN rows a ON a.unit = left_unit AND a.row = left_row
JOIN rows b ON b.unit = right_unit AND b.row = right_row
ORDER BY lines.left_unit, lines.right_unit, kind, left_row, right_row, left_nth, right_nth
"""
_COUNTS = """
SELECT l.name, r.name, kind, pairs, a.rows, b.rows
FROM (SELECT left_unit, right_unit, kind, count(*) AS pairs FROM lines GROUP BY ALL)
JOIN units l ON l.unit = left_unit JOIN units r ON r.unit = right_unit
LEFT JOIN touched a USING (kind)
LEFT JOIN touched b USING (kind)
WHERE a.unit = left_unit AND a.other = right_unit AND b.unit = right_unit AND b.other = left_unit
ORDER BY left_unit, right_unit, kind
"""


@dataclass(frozen=True, slots=True)
class Shared:
    """What two units, or one with itself, have in common of one kind."""

    left: str  # names of units
    right: str
    kind: str
    pairs: int  # of distinct images; of rows, or of groups of rows with one text
    left_rows: int  # that have a like on the other side
    right_rows: int


def pair_up(base: duckdb.DuckDBPyConnection) -> Sequence[Shared]:
    """Fill the table ``lines`` from all that was found; return the counts by pair of units."""
    for statement in (_LOOK_USES, _SAME_USES, _LINES, _EXACT, _ONE_LOOK, _TWO_LOOKS, _TEXT,
                      _TOUCHED):  # fmt: skip
        base.execute(statement)
    return [Shared(*row) for row in base.execute(_COUNTS).fetchall()]


def write_pairs(base: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write every line, with the ids of rows, as Parquet."""
    base.sql(_NAMED).write_parquet(str(path), compression="zstd")
