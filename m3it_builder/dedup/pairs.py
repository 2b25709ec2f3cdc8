"""Matching rows as pairs, one per image and pair of units, and their counts.

An image that occurs in a hundred rows of one unit and in a hundred of another would give ten
thousand pairs of rows. It is one pair instead, which names the first row on either side and the
number of rows of each; rows are counted by joining, never by listing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

# Images of one phash, by unit: the ones with the lowest and the highest number represent all.
_UNIT_PHASHES = """
CREATE TABLE unit_phashes AS
SELECT phash, unit, count(DISTINCT row)::INTEGER AS row_count,
       min({'image': image, 'row': row, 'position': position}) AS lowest,
       max({'image': image, 'row': row, 'position': position}) AS highest
FROM occurrences JOIN image_phashes USING (image) GROUP BY ALL
"""
_UNIT_EQUAL_TEXTS = """
CREATE TABLE unit_equal_texts AS
SELECT text_key, side, unit, has_images, count(*)::INTEGER AS row_count, min(row) AS row
FROM equal_texts GROUP BY ALL
"""
_PAIRS = """
CREATE TABLE pairs (kind TEXT,
    left_unit INTEGER, left_row INTEGER, left_position INTEGER, left_row_count INTEGER,
    right_unit INTEGER, right_row INTEGER, right_position INTEGER, right_row_count INTEGER,
    distance INTEGER, fine_distance INTEGER, share DOUBLE)
"""
_EXACT = """
INSERT INTO pairs
SELECT 'exact', a.unit, a.first.row, a.first.position, a.row_count,
       b.unit, b.first.row, b.first.position, b.row_count, 0, 0, NULL
FROM unit_images a JOIN unit_images b USING (image) WHERE a.unit < b.unit
UNION ALL
SELECT 'exact', unit, first.row, first.position, row_count,
       unit, last.row, last.position, row_count, 0, 0, NULL
FROM unit_images WHERE row_count > 1
"""
# Different images with one phash. Where the lowest image of the left unit is the highest of the
# right one, the highest and the lowest are compared instead; if these are equal too, both
# units have that one image only, which is an exact duplicate.
_EQUAL_PHASHES = """
INSERT INTO pairs
SELECT 'near', a.unit, l.row, l.position, a.row_count, b.unit, r.row, r.position, b.row_count,
       0, 0, NULL
FROM (SELECT a, b, if(a.lowest.image <> b.highest.image, a.lowest, a.highest) AS l,
             if(a.lowest.image <> b.highest.image, b.highest, b.lowest) AS r
      FROM unit_phashes a JOIN unit_phashes b USING (phash)
      WHERE a.unit < b.unit OR (a.unit = b.unit AND a.row_count > 1))
WHERE l.image <> r.image
"""
# The last condition excludes images of one and the same row, such as frames of a video.
_NEAR_PHASHES = """
INSERT INTO pairs
SELECT 'near', a.unit, a.lowest.row, a.lowest.position, a.row_count,
       b.unit, b.lowest.row, b.lowest.position, b.row_count, distance, fine_distance, NULL
FROM (SELECT left_phash AS one, right_phash AS two, distance, fine_distance FROM near_phashes
      UNION ALL
      SELECT right_phash, left_phash, distance, fine_distance FROM near_phashes) near
JOIN unit_phashes a ON a.phash = near.one JOIN unit_phashes b ON b.phash = near.two
WHERE a.unit < b.unit
   OR (a.unit = b.unit AND a.phash < b.phash
       AND NOT (a.row_count = 1 AND b.row_count = 1 AND a.lowest.row = b.lowest.row))
"""
_TEXT = """
INSERT INTO pairs
SELECT 'text', least(e.unit, t.unit), if(e.unit < t.unit, e.row, t.row), NULL,
       if(e.unit < t.unit, e.row_count, t.row_count), greatest(e.unit, t.unit),
       if(e.unit < t.unit, t.row, e.row), NULL, if(e.unit < t.unit, t.row_count, e.row_count),
       NULL, NULL, 1.0
FROM unit_equal_texts e JOIN unit_equal_texts t USING (text_key)
WHERE e.side = 'evaluation' AND t.side = 'training' AND NOT (e.has_images AND t.has_images)
UNION ALL
SELECT 'text', least(unit, training_unit), if(unit < training_unit, row, training_row), NULL, 1,
       greatest(unit, training_unit), if(unit < training_unit, training_row, row), NULL, 1, NULL,
       NULL, share
FROM text_overlaps
"""
# Number of rows of a unit that match a row of another unit, or another row of the same unit.
_MATCHED_ROWS = """
CREATE TABLE matched_rows AS
SELECT 'exact' AS kind, a.unit AS unit, b.unit AS other_unit, count(DISTINCT a.row) AS row_count
FROM occurrences a JOIN unit_images b USING (image)
WHERE a.unit <> b.unit OR b.row_count > 1 GROUP BY ALL
UNION ALL
SELECT 'near', unit, other_unit, count(DISTINCT row) FROM (
    SELECT a.unit, a.row, b.unit AS other_unit
    FROM occurrences a JOIN image_phashes USING (image) JOIN unit_phashes b USING (phash)
    WHERE (b.lowest.image <> a.image OR b.highest.image <> a.image)
      AND (a.unit <> b.unit OR b.row_count > 1)
    UNION ALL
    SELECT a.unit, a.row, b.unit
    FROM occurrences a JOIN image_phashes USING (image)
    JOIN (SELECT left_phash AS one, right_phash AS two FROM near_phashes
          UNION ALL SELECT right_phash, left_phash FROM near_phashes) near ON near.one = phash
    JOIN unit_phashes b ON b.phash = near.two
    WHERE a.unit <> b.unit OR b.row_count > 1 OR b.lowest.row <> a.row)
GROUP BY ALL
UNION ALL
SELECT 'text', unit, other_unit, count(DISTINCT row) FROM (
    SELECT unit, row, training_unit AS other_unit FROM text_overlaps
    UNION ALL SELECT training_unit, training_row, unit FROM text_overlaps
    UNION ALL
    SELECT a.unit, a.row, b.unit FROM equal_texts a JOIN unit_equal_texts b USING (text_key)
    WHERE a.side <> b.side AND NOT (a.has_images AND b.has_images))
GROUP BY ALL
"""
_WITH_NAMES = """
SELECT kind, l.task AS left_task, l.split AS left_split, a.id AS left_id,
       left_position AS left_image, left_row_count AS left_rows,
       r.task AS right_task, r.split AS right_split, b.id AS right_id,
       right_position AS right_image, right_row_count AS right_rows, distance, fine_distance,
       share, l.name AS left_unit, r.name AS right_unit
FROM pairs JOIN units l ON l.unit = left_unit JOIN units r ON r.unit = right_unit
JOIN rows a ON a.unit = left_unit AND a.row = left_row
JOIN rows b ON b.unit = right_unit AND b.row = right_row
ORDER BY pairs.left_unit, pairs.right_unit, kind, left_row, right_row, left_position,
         right_position
"""
_COUNTS = """
SELECT l.name, r.name, kind, pair_count, a.row_count, b.row_count
FROM (SELECT left_unit, right_unit, kind, count(*) AS pair_count FROM pairs GROUP BY ALL)
JOIN units l ON l.unit = left_unit JOIN units r ON r.unit = right_unit
LEFT JOIN matched_rows a USING (kind)
LEFT JOIN matched_rows b USING (kind)
WHERE a.unit = left_unit AND a.other_unit = right_unit
  AND b.unit = right_unit AND b.other_unit = left_unit
ORDER BY left_unit, right_unit, kind
"""


@dataclass(frozen=True, slots=True)
class SharedCounts:
    """How much two units, or one unit with itself, share by one kind of match."""

    left: str  # names of units
    right: str
    kind: str  # exact, near or text
    pairs: int  # of distinct images; of rows, or of groups of rows with equal text
    left_rows: int  # with a match on the other side
    right_rows: int


def create_pairs(database: duckdb.DuckDBPyConnection) -> Sequence[SharedCounts]:
    """Create the table ``pairs`` from all matches; return the counts by pair of units."""
    for statement in (_UNIT_PHASHES, _UNIT_EQUAL_TEXTS, _PAIRS, _EXACT, _EQUAL_PHASHES,
                      _NEAR_PHASHES, _TEXT, _MATCHED_ROWS):  # fmt: skip
        database.execute(statement)
    return [SharedCounts(*row) for row in database.execute(_COUNTS).fetchall()]


def write_pairs(database: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write all pairs, with the ids of their rows, as Parquet."""
    database.sql(_WITH_NAMES).write_parquet(str(path), compression="zstd")
