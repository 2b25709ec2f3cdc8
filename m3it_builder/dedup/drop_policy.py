"""Write the drop list: rows to leave out so that no model is evaluated on its training data.

By default, ``train`` rows whose image or text also occurs in ``validation`` or ``test`` of any
task are listed; evaluation rows are kept, because they are what results are compared on. The
keep policies:

- ``evaluation``: the default.
- ``training``: the reverse; validation and test rows are listed.
- ``first``: as ``evaluation``, and of training rows with exactly the same images and texts,
  in whatever task, all but the first.
- ``all``: keep everything; the list is empty.

Matches between two evaluation splits are reported; neither side is listed.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from m3it_builder.dedup.options import KeepPolicy
from m3it_builder.dedup.tables import EVALUATION, BuiltUnit
from m3it_builder.storage.json_values import dumps

_PROTECTED = {"evaluation": EVALUATION, "first": EVALUATION, "training": ("train",), "all": ()}

# A row may match several times; the reason of the lowest priority number is listed.
_CANDIDATES = """
CREATE TABLE candidates (unit INTEGER, row INTEGER, reason TEXT, priority INTEGER,
                         other_unit INTEGER, other_row INTEGER, distance INTEGER, share DOUBLE)
"""
_EXACT = """
INSERT INTO candidates
SELECT a.unit, a.row, 'exact_image', 1, kept.source.unit, kept.source.row, 0, NULL
FROM occurrences a JOIN units ON units.unit = a.unit AND NOT protected
JOIN (SELECT image, min({'unit': unit, 'row': first.row}) AS source
      FROM unit_images JOIN units USING (unit) WHERE protected GROUP BY image) kept USING (image)
"""
_NEAR = """
INSERT INTO candidates
WITH kept AS (
    SELECT near.one AS phash,
           min({'distance': distance, 'unit': unit_phashes.unit, 'row': lowest.row}) AS source
    FROM (SELECT left_phash AS one, right_phash AS two, distance FROM near_phashes
          UNION ALL SELECT right_phash, left_phash, distance FROM near_phashes
          UNION ALL SELECT phash, phash, 0 FROM phashes) near
    JOIN unit_phashes ON unit_phashes.phash = near.two
    JOIN units ON units.unit = unit_phashes.unit AND protected
    GROUP BY near.one)
SELECT a.unit, a.row, 'near_image', 2, kept.source.unit, kept.source.row, kept.source.distance,
       NULL
FROM occurrences a JOIN units ON units.unit = a.unit AND NOT protected
JOIN image_phashes USING (image) JOIN kept USING (phash)
"""
_TEXT = """
INSERT INTO candidates
SELECT p.unit, p.row, 'text', 3, p.other_unit, p.other_row, NULL, share FROM (
    SELECT unit, row, training_unit AS other_unit, training_row AS other_row, share
    FROM text_overlaps
    UNION ALL
    SELECT training_unit, training_row, unit, row, share FROM text_overlaps
    UNION ALL
    SELECT a.unit, a.row, b.unit, b.row, 1.0
    FROM equal_texts a JOIN unit_equal_texts b USING (text_key)
    WHERE a.side <> b.side AND NOT (a.has_images AND b.has_images)) p
JOIN units l ON l.unit = p.unit AND NOT l.protected
JOIN units r ON r.unit = p.other_unit AND r.protected
"""
_ROW_DIGESTS = """
INSERT INTO row_digests
SELECT $unit, file_row_number,
       md5(concat_ws(chr(0), lang, inputs, outputs,
           array_to_string(list_transform(images, lambda image: image.source_digest), ' ')))
FROM read_parquet($index, file_row_number = true)
"""
_REPEATED = """
INSERT INTO candidates
SELECT unit, row, 'repeated', 4, first.unit, first.row, NULL, NULL
FROM (SELECT unit, row, min({'unit': unit, 'row': row}) OVER (PARTITION BY digest) AS first
      FROM row_digests)
WHERE unit <> first.unit OR row <> first.row
"""
_DROPPED = """
CREATE TABLE dropped AS
SELECT DISTINCT ON (u.task, u.split, a.id) u.task AS task, u.split AS split, a.id AS id, reason,
       o.task AS other_task, o.split AS other_split, b.id AS other_id, distance, share, u.unit
FROM candidates c JOIN units u USING (unit) JOIN units o ON o.unit = other_unit
JOIN rows a ON a.unit = c.unit AND a.row = c.row
JOIN rows b ON b.unit = other_unit AND b.row = other_row
WHERE (u.task, u.split, a.id) <> (o.task, o.split, b.id)  -- not the same row of another build
ORDER BY u.task, u.split, a.id, priority, distance, share DESC, other_unit, other_row, u.unit
"""
_LIST = """
SELECT task, split, id, reason, other_task, other_split, other_id, distance, share
FROM dropped ORDER BY task, split, id
"""


@dataclass(frozen=True, slots=True)
class DropCount:
    """Number of rows of a unit that are listed for one reason."""

    unit: str
    reason: str
    rows: int


def protected_splits(keep: KeepPolicy) -> tuple[str, ...]:
    """Return the splits whose rows stay; rows of other splits that match them are listed."""
    return _PROTECTED[keep]


def choose_drops(
    database: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit], keep: KeepPolicy
) -> list[DropCount]:
    """Create the table ``dropped``: each row once, with its strongest reason."""
    for statement in (_CANDIDATES, _EXACT, _NEAR, _TEXT):
        database.execute(statement)
    if keep == "first":
        database.execute("CREATE TABLE row_digests (unit INTEGER, row INTEGER, digest TEXT)")
        for unit in units:
            if not unit.is_evaluation:
                index = glob.escape(str(unit.index))
                database.execute(_ROW_DIGESTS, {"unit": unit.number, "index": index})
        database.execute(_REPEATED)
    database.execute(_DROPPED)
    counts = database.execute(
        "SELECT name, reason, count(*) FROM dropped JOIN units USING (unit)"
        " GROUP BY unit, name, reason ORDER BY unit, reason"
    )
    return [DropCount(*row) for row in counts.fetchall()]


def write_drop_list(database: duckdb.DuckDBPyConnection, parquet: Path, jsonl: Path) -> None:
    """Write the drop list, sorted, as Parquet and as JSON Lines."""
    database.sql(_LIST).write_parquet(str(parquet), compression="zstd")
    rows = database.execute(_LIST)
    names = [column[0] for column in rows.description or ()]
    with jsonl.open("wb") as file:
        while batch := rows.fetchmany(10_000):
            for row in batch:
                value = dict(zip(names, row, strict=True))
                file.write(dumps(value) + b"\n")
