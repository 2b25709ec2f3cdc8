"""Units, rows and images of several builds as tables of one on-disk DuckDB database.

An image is identified by the digest of the *source's* bytes: with and without boxes drawn on it,
it is the same image. Later steps work on distinct images and count rows by joining, because one
COCO image may occur in a thousand rows.
"""

from __future__ import annotations

import glob
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from m3it_builder.dataset.layout import INDEX, meta_path
from m3it_builder.dataset.manifest import Manifest, manifests, task_folders
from m3it_builder.dedup.cache import cache_folder
from m3it_builder.errors import BuildError

EVALUATION = ("validation", "test")
SHARD_ERRORS = (BuildError, OSError, ValueError, LookupError)  # on reading a corrupt shard
_MEMORY = "2GB"  # DuckDB spills to disk beyond that
_TABLES = """
CREATE TABLE units (unit INTEGER, name TEXT, task TEXT, split TEXT, protected BOOLEAN);
CREATE TABLE rows (unit INTEGER, row INTEGER, id TEXT);
CREATE TABLE row_images (unit INTEGER, row INTEGER, shard INTEGER, position INTEGER,
                         stored_digest TEXT, source_digest TEXT);
"""
_ROW_IMAGES = """
INSERT INTO row_images
SELECT $unit, file_row_number, shard, unnest(range(len(images))), unnest(images).digest,
       unnest(images).source_digest
FROM read_parquet($index, file_row_number = true)
"""
_ROWS = """
INSERT INTO rows
SELECT $unit, file_row_number, id FROM read_parquet($index, file_row_number = true)
"""
# stored: where the image is read from. The order of its fields prefers a copy without drawing.
_IMAGES = """
CREATE TABLE images AS
SELECT row_number() OVER (ORDER BY source_digest)::INTEGER AS image, * FROM (
    SELECT source_digest,
           min({'drawn': stored_digest <> source_digest, 'digest': stored_digest, 'unit': unit,
                'row': row, 'position': position, 'shard': shard}) AS stored
    FROM row_images GROUP BY source_digest);
CREATE TABLE occurrences AS
SELECT image, unit, row, position FROM row_images JOIN images USING (source_digest);
CREATE TABLE unit_images AS
SELECT image, unit, count(DISTINCT row)::INTEGER AS row_count,
       min({'row': row, 'position': position}) AS first,
       max({'row': row, 'position': position}) AS last
FROM occurrences GROUP BY ALL;
"""


@dataclass(frozen=True, slots=True)
class BuiltUnit:
    """One finished unit of one of the builds."""

    number: int
    name: str  # display name: task/split, prefixed with the build where several builds have it
    folder: Path  # of the task
    manifest: Manifest
    cache: Path  # folder of its cached hashes

    @property
    def index(self) -> Path:
        """Return the path of its index."""
        return self.folder / meta_path(self.manifest.split, INDEX)

    @property
    def is_evaluation(self) -> bool:
        """Return True for a validation or test split."""
        return self.manifest.split in EVALUATION


def find_units(builds: Sequence[Path], report_folder: Path) -> list[BuiltUnit]:
    """Return the finished units of several builds, in the given order of the builds.

    Raises:
        BuildError: a folder holds no finished build, or is given twice.
    """
    found: list[tuple[Path, Path, Manifest]] = []
    for build in builds:
        for folder in task_folders(build):
            if any(folder.resolve() == other.resolve() for _, other, _ in found):
                raise BuildError(f"{folder} is given twice; name each build once")
            found += [(build, folder, manifest) for manifest in manifests(folder)]
    units = []
    # Siblings have the images and questions of their base, from which rows are dropped for all.
    found = [one for one in found if one[2].sibling is None]
    if not found:
        raise BuildError(f"{builds[0]}: all units are made from others; name the build of those")
    names = [f"{manifest.task}/{manifest.split}" for _, _, manifest in found]
    for number, (build, folder, manifest) in enumerate(found):
        name = names[number]
        display_name = f"{build}: {name}" if names.count(name) > 1 else name
        cache = cache_folder(folder, manifest.split, report_folder)
        units.append(BuiltUnit(number, display_name, folder, manifest, cache))
    return units


def open_database(
    path: Path, units: Sequence[BuiltUnit], protected: Collection[str]
) -> duckdb.DuckDBPyConnection:
    """Create a database on disk and load the indexes of the units into it.

    Args:
        path: of the database file, which must not exist.
        units: whose indexes are loaded.
        protected: splits whose rows stay; rows of other splits that match them may be dropped.

    Raises:
        BuildError: an index is corrupt.
    """
    database = duckdb.connect(str(path))
    database.execute(f"SET memory_limit = '{_MEMORY}'")
    # Nothing relies on insertion order, and large inserts need less memory without it.
    database.execute("SET preserve_insertion_order = false")
    database.execute(_TABLES)
    for unit in units:
        task, split = unit.manifest.task, unit.manifest.split
        values = [unit.number, unit.name, task, split, split in protected]
        database.execute("INSERT INTO units VALUES (?, ?, ?, ?, ?)", values)
        for statement in (_ROWS, _ROW_IMAGES):
            _load_index(database, statement, unit)
    database.execute(_IMAGES)
    return database


def _load_index(database: duckdb.DuckDBPyConnection, statement: str, unit: BuiltUnit) -> None:
    try:
        # DuckDB expands wildcards in paths, so a build in a folder "[x]*" has to be escaped.
        database.execute(statement, {"unit": unit.number, "index": glob.escape(str(unit.index))})
    except duckdb.Error as error:
        raise BuildError(
            f"{unit.index}: the index is corrupt ({str(error).splitlines()[0]}); "
            f"rebuild {unit.name} with --replace"
        ) from error
