"""What several builds hold, as tables of one database on disk: units, rows, images.

An image is known by the digest of the *source's* bytes, so that an image
with a box drawn on it and the same without are one. Everything after works on
distinct images and counts rows by joining, because one image of COCO may
stand in a thousand rows.
"""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from m3it_builder.dataset.manifest import Manifest, manifests, task_folders
from m3it_builder.dedup.cache import cache_folder
from m3it_builder.errors import BuildError

EVALUATION = ("validation", "test")
_MEMORY = "2GB"  # more than that goes to disk
_TABLES = """
CREATE TABLE units (unit INTEGER, name TEXT, task TEXT, split TEXT, rank INTEGER);
CREATE TABLE rows (unit INTEGER, row INTEGER, id TEXT);
CREATE TABLE placed (unit INTEGER, row INTEGER, shard INTEGER, nth INTEGER, stored TEXT,
                     source TEXT);
"""
_PLACES = """
INSERT INTO placed
SELECT $unit, file_row_number, shard, unnest(range(len(images))), unnest(images).digest,
       unnest(images).source_digest
FROM read_parquet($index, file_row_number = true)
"""
_ROWS = """
INSERT INTO rows
SELECT $unit, file_row_number, id FROM read_parquet($index, file_row_number = true)
"""
# One of the places where an image stands is where it will be read: undrawn, if there is such.
_IMAGES = """
CREATE TABLE images AS
SELECT row_number() OVER (ORDER BY source)::INTEGER AS image, * FROM (
    SELECT source, min((stored <> source, stored, unit, row, nth, shard)) AS best
    FROM placed GROUP BY source);
CREATE TABLE appearances AS
SELECT image, unit, row, nth FROM placed JOIN images USING (source);
CREATE TABLE uses AS
SELECT image, unit, count(DISTINCT row)::INTEGER AS rows, min((row, nth)) AS first,
       max((row, nth)) AS last
FROM appearances GROUP BY ALL;
"""


@dataclass(frozen=True, slots=True)
class BuiltUnit:
    """One finished unit of one of the builds."""

    number: int
    name: str  # as people call it: task/split, with the build before it where two have such
    folder: Path  # of the task
    manifest: Manifest
    cache: Path  # folder of its hashes

    @property
    def index(self) -> Path:
        """Return the path of its index."""
        return self.folder / str(self.manifest.index["path"])

    @property
    def is_evaluation(self) -> bool:
        """Whether models are measured on it."""
        return self.manifest.split in EVALUATION


def find_units(builds: Sequence[Path], report: Path) -> list[BuiltUnit]:
    """Return the finished units of some builds, in the order the builds are named.

    Raises:
        BuildError: a folder holds none, or is named twice.
    """
    found: list[tuple[Path, Path, Manifest]] = []
    for build in builds:
        for folder in task_folders(build):
            if any(folder.resolve() == other.resolve() for _, other, _ in found):
                raise BuildError(f"{folder} is named twice; name every build once")
            found += [(build, folder, manifest) for manifest in manifests(folder)]
    names = [f"{manifest.task}/{manifest.split}" for _, _, manifest in found]
    units = []
    for number, (build, folder, manifest) in enumerate(found):
        name = names[number]
        shown = f"{build}: {name}" if names.count(name) > 1 else name
        cache = cache_folder(folder, manifest.split, report)
        units.append(BuiltUnit(number, shown, folder, manifest, cache))
    return units


def open_catalog(
    path: Path, units: Sequence[BuiltUnit], ranks: Mapping[str, int]
) -> duckdb.DuckDBPyConnection:
    """Return a database on disk with what the units hold.

    Args:
        path: of the database, which must not exist.
        units: to be read.
        ranks: by split; of two alike rows the one of lower rank may be dropped.

    Raises:
        BuildError: an index is damaged.
    """
    base = duckdb.connect(str(path))
    base.execute(f"SET memory_limit = '{_MEMORY}'")
    base.execute("SET preserve_insertion_order = false")
    base.execute(_TABLES)
    for unit in units:
        named = (unit.number, unit.name, unit.manifest.task, unit.manifest.split)
        rank = ranks[unit.manifest.split]
        base.execute("INSERT INTO units VALUES (?, ?, ?, ?, ?)", [*named, rank])
        for statement in (_ROWS, _PLACES):
            _fill(base, statement, unit)
    base.execute(_IMAGES)
    return base


def _fill(base: duckdb.DuckDBPyConnection, statement: str, unit: BuiltUnit) -> None:
    try:
        base.execute(statement, {"unit": unit.number, "index": glob.escape(str(unit.index))})
    except duckdb.Error as error:
        raise BuildError(
            f"{unit.index}: {str(error).splitlines()[0]}; build {unit.name} again with --replace"
        ) from error
