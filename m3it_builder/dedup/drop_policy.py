"""What to leave out, so that nothing trained on is measured on.

By default rows of ``train`` whose image (or text) also stands in
``validation`` or ``test``, of whatever task, are listed, and evaluation rows
are kept: they are what results are compared on. The rules, by name:

- ``evaluation``: the default.
- ``training``: the other way round; rows of validation and test are listed.
- ``first``: as ``evaluation``, and of training rows with the very same images
  and texts, whatever their task, all but the first.
- ``all``: keep everything; the list is empty.

Two evaluation splits that share images are reported, and neither is listed.
"""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import duckdb
import orjson

from m3it_builder.dedup.tables import BuiltUnit

Keep = Literal["evaluation", "training", "first", "all"]
KEEP: tuple[Keep, ...] = get_args(Keep)
_RANKS = {"evaluation": (0, 1), "first": (0, 1), "training": (1, 0), "all": (0, 0)}

_FOUND = """
CREATE TABLE found (unit INTEGER, row INTEGER, reason TEXT, worth INTEGER, other_unit INTEGER,
                    other_row INTEGER, distance INTEGER, share DOUBLE)
"""
_EXACT = """
INSERT INTO found
SELECT a.unit, a.row, 'exact_image', 1, kept.place[1], kept.place[2], 0, NULL
FROM appearances a JOIN units ON units.unit = a.unit AND rank = 0
JOIN (SELECT image, min((unit, first[1])) AS place
      FROM uses JOIN units USING (unit) WHERE rank = 1 GROUP BY image) kept USING (image)
"""
_NEAR = """
INSERT INTO found
WITH kept AS (
    SELECT pair.one AS look, min((bits, look_uses.unit, low[2])) AS place
    FROM (SELECT one, two, bits FROM near UNION ALL SELECT two, one, bits FROM near
          UNION ALL SELECT look, look, 0 FROM looks) pair
    JOIN look_uses ON look_uses.look = pair.two
    JOIN units ON units.unit = look_uses.unit AND rank = 1
    GROUP BY pair.one)
SELECT a.unit, a.row, 'near_image', 2, kept.place[2], kept.place[3], kept.place[1], NULL
FROM appearances a JOIN units ON units.unit = a.unit AND rank = 0
JOIN alike USING (image) JOIN kept USING (look)
"""
_TEXT = """
INSERT INTO found
SELECT p.unit, p.row, 'text', 3, p.other_unit, p.other_row, NULL, share FROM (
    SELECT unit, row, training_unit AS other_unit, training_row AS other_row, share FROM copied
    UNION ALL
    SELECT training_unit, training_row, unit, row, share FROM copied
    UNION ALL
    SELECT a.unit, a.row, b.unit, b.row, 1.0 FROM same a JOIN same_uses b USING (whole)
    WHERE a.side <> b.side AND NOT (a.imaged AND b.imaged)) p
JOIN units l ON l.unit = p.unit AND l.rank = 0
JOIN units r ON r.unit = p.other_unit AND r.rank = 1
"""
_READ = """
INSERT INTO texts
SELECT $unit, file_row_number,
       md5(concat_ws(chr(0), lang, inputs, outputs,
                     array_to_string(list_transform(images, lambda one: one.source_digest), ' ')))
FROM read_parquet($index, file_row_number = true)
"""
_REPEATED = """
INSERT INTO found
SELECT unit, row, 'repeated', 4, first[1], first[2], NULL, NULL
FROM (SELECT unit, row, min((unit, row)) OVER (PARTITION BY text) AS first FROM texts)
WHERE (unit, row) <> first
"""
_NAMED = """
CREATE TABLE dropped AS
SELECT DISTINCT ON (u.task, u.split, a.id) u.task AS task, u.split AS split, a.id AS id, reason,
       o.task AS other_task, o.split AS other_split, b.id AS other_id, distance, share, u.unit
FROM found JOIN units u USING (unit) JOIN units o ON o.unit = other_unit
JOIN rows a ON a.unit = found.unit AND a.row = found.row
JOIN rows b ON b.unit = other_unit AND b.row = other_row
WHERE (u.task, u.split, a.id) <> (o.task, o.split, b.id)  -- one unit, in two builds
ORDER BY u.task, u.split, a.id, worth, distance, share DESC, other_unit, other_row, u.unit
"""
_LIST = """
SELECT task, split, id, reason, other_task, other_split, other_id, distance, share
FROM dropped ORDER BY task, split, id
"""


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many rows of a unit are listed for one reason."""

    unit: str
    reason: str
    rows: int


def ranks(keep: Keep) -> dict[str, int]:
    """Return for each split whether it gives way, 0, to one that does not, 1."""
    training, evaluation = _RANKS[keep]
    return {"train": training, "validation": evaluation, "test": evaluation}


def choose_drops(
    base: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit], keep: Keep
) -> list[Dropped]:
    """Leave the table ``dropped`` behind: each row once, for its strongest reason."""
    for statement in (_FOUND, _EXACT, _NEAR, _TEXT):
        base.execute(statement)
    if keep == "first":
        base.execute("CREATE TABLE texts (unit INTEGER, row INTEGER, text TEXT)")
        for unit in units:
            if not unit.is_evaluation:
                base.execute(_READ, {"unit": unit.number, "index": glob.escape(str(unit.index))})
        base.execute(_REPEATED)
    base.execute(_NAMED)
    counted = base.execute(
        "SELECT name, reason, count(*) FROM dropped JOIN units USING (unit)"
        " GROUP BY unit, name, reason ORDER BY unit, reason"
    )
    return [Dropped(*row) for row in counted.fetchall()]


def write_drops(base: duckdb.DuckDBPyConnection, table: Path, lines: Path) -> None:
    """Write the list as Parquet and as JSON Lines, sorted, for ``m3it build --drop``."""
    base.sql(_LIST).write_parquet(str(table), compression="zstd")
    rows = base.execute(_LIST)
    names = [column[0] for column in rows.description or ()]
    with lines.open("wb") as file:
        while batch := rows.fetchmany(10_000):
            for row in batch:
                value = dict(zip(names, row, strict=True))
                file.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
