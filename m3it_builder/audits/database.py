"""The database of audits and queries: three views over the indexes of a build, in memory.

DuckDB keeps to a memory limit, and spills beyond it to a scratch folder that is removed
afterwards. Images are never opened.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m3it_builder.audits.sandbox import lock
from m3it_builder.dataset.index import REJECTS, SCHEMA
from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.dataset.manifest import Manifest, read_manifest, task_folders
from m3it_builder.errors import BuildError
from m3it_builder.records import SPLITS

if TYPE_CHECKING:
    import duckdb

_MEMORY = "1GB"  # what DuckDB does not count (Parquet readers, results) adds about half of it
_MAX_THREADS = 4  # each needs memory of its own
_CARD_TYPES = {
    **dict.fromkeys(("task", "base", "split", "title", "group", "lang"), "TEXT"),
    **dict.fromkeys(("license", "image_license"), "TEXT"),
    "held_out": "BOOLEAN",
    **dict.fromkeys(("homepage", "citation"), "TEXT"),
    **dict.fromkeys(("published_rows", "rows", "examples", "images", "image_bytes"), "BIGINT"),
    **dict.fromkeys(("seed", "row_limit"), "BIGINT"),
    "is_sample": "BOOLEAN",
    "drop_lists": "TEXT",
    "sibling_of": "TEXT",
}
COLUMNS = {"instances": SCHEMA.names, "rejects": REJECTS.names, "cards": list(_CARD_TYPES)}


@contextmanager
def opened(build: Path, *, safe: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory database with the three views over a build.

    Args:
        build: output folder, or the folder of one task in it.
        safe: queries can read the files of the build, and reach nothing else.

    Raises:
        BuildError: there is no finished build, or a manifest or an index cannot be read.
    """
    import duckdb

    units = [unit for folder in task_folders(build) for unit in _units(folder)]
    with (
        tempfile.TemporaryDirectory(prefix="m3it-sql-", ignore_cleanup_errors=True) as scratch,
        duckdb.connect(":memory:") as base,
    ):
        _limit(base, scratch)
        indexes = [folder / "index.parquet" for folder, _ in units]
        rejects = [folder / "rejects.parquet" for folder, _ in units]
        _create_view(base, "instances", indexes)
        _create_view(base, "rejects", rejects)
        _create_cards(base, units)
        if safe:
            lock(base, build, indexes + rejects)
        yield base


def _units(task_folder: Path) -> Iterator[tuple[Path, Manifest]]:
    """Yield the ``meta`` folder and the manifest of each finished unit, train first."""
    for split in SPLITS:
        folder = task_folder / "meta" / split
        if (manifest := read_manifest(folder)) is None:
            continue
        if manifest.split != split:
            raise BuildError(
                f"{folder / MANIFEST}: malformed (it is of the split {manifest.split}); "
                "rebuild the unit with --replace"
            )
        yield folder, manifest


def _limit(base: duckdb.DuckDBPyConnection, scratch: str) -> None:
    base.execute(f"SET memory_limit = '{_MEMORY}'")
    base.execute(f"SET threads = {min(_MAX_THREADS, os.cpu_count() or 1)}")
    base.execute("SET temp_directory = $folder", {"folder": scratch})
    # Otherwise an unknown table name could be a variable of this program.
    base.execute("SET python_enable_replacements = false")


def _create_view(base: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path]) -> None:
    import duckdb

    # Absolute and without "..", because the sandbox compares paths as texts.
    patterns = [glob.escape(os.path.abspath(file)) for file in files]  # noqa: PTH100
    try:
        base.read_parquet(patterns, union_by_name=True).create_view(name)
    except duckdb.Error as error:
        line = str(error).splitlines()[0]
        file = _unreadable(base, patterns)
        raise BuildError(f"{file}: {line}; rebuild the unit with --replace") from error


def _unreadable(base: duckdb.DuckDBPyConnection, patterns: Sequence[str]) -> str:
    """Return the first file that cannot be read alone, or the first one."""
    import duckdb

    for pattern in patterns:
        try:
            base.read_parquet([pattern])
        except duckdb.Error:
            return _unescaped(pattern)
    return _unescaped(patterns[0])


def _unescaped(pattern: str) -> str:
    for character in "*?[":
        pattern = pattern.replace(f"[{character}]", character)
    return pattern


def _create_cards(base: duckdb.DuckDBPyConnection, units: Sequence[tuple[Path, Manifest]]) -> None:
    import duckdb

    columns = ", ".join(f'"{name}" {kind}' for name, kind in _CARD_TYPES.items())
    base.execute(f"CREATE TABLE cards ({columns})")
    for folder, unit in units:
        values = _card_values(unit)
        try:
            base.execute(f"INSERT INTO cards VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608
        except (duckdb.Error, ValueError, RuntimeError) as error:  # the last two: lone surrogates
            line = str(error).splitlines()[0]
            raise BuildError(
                f"{folder / MANIFEST}: malformed ({line}); rebuild the unit with --replace"
            ) from error


def _card_values(unit: Manifest) -> list[Any]:
    card, plan = unit.card, unit.plan
    facts = [card.title, card.group, card.lang, card.license, card.image_license,
             card.held_out, card.homepage, card.citation, card.rows]  # fmt: skip
    counts = [unit.instances, unit.examples, unit.images, unit.image_bytes]
    base = unit.sibling.base if unit.sibling else None
    choices = [plan.seed, plan.limit, plan.sample, unit.drop, base]
    return [unit.task, card.base, unit.split, *facts, *counts, *choices]
