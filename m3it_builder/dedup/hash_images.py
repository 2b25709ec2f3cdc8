"""Hash every distinct image once: read a shard at a time, decode small, over processes."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
from blake3 import blake3

from m3it_builder.dataset.manifest import NAME, Manifest
from m3it_builder.dataset.reader import read_rows, read_units
from m3it_builder.dedup.cache import kept, settle, write_part
from m3it_builder.dedup.phash import UnreadableImage, look
from m3it_builder.dedup.spread import processes, spread
from m3it_builder.dedup.tables import BuiltUnit
from m3it_builder.progress import Progress

_JOB_IMAGES = 5_000  # of a shard; also what a crash costs
_SHARD_TROUBLE = (OSError, ValueError, LookupError)  # what reading a torn shard raises
_WANTED = """
SELECT best[3], best[6], best[4], best[5], best[2]
FROM images LEFT JOIN hashes ON hashes.digest = best[2]
WHERE hashes.digest IS NULL
ORDER BY ALL
"""
# What the hashes say of each image. A look is one value of all of them: images of one look
# are alike, and what comes after treats them as one.
_LOOKS = """
CREATE TABLE looked AS
SELECT image, coarse, fine, thumb, flat FROM images JOIN hashes ON hashes.digest = best[2];
CREATE TABLE looks AS
SELECT row_number() OVER (ORDER BY coarse, fine, thumb)::INTEGER - 1 AS look, *
FROM (SELECT DISTINCT coarse, fine, thumb FROM looked WHERE NOT flat);
CREATE TABLE alike AS
SELECT image, look FROM looked JOIN looks USING (coarse, fine, thumb) WHERE NOT flat;
"""


@dataclass(frozen=True, slots=True)
class _Wanted:
    row: int  # of the unit
    nth: int  # image of the row
    digest: str  # of the bytes as stored


@dataclass(frozen=True, slots=True)
class _Job:
    folder: Path  # of the task
    split: str
    cache: Path
    unit: int
    shard: int
    wanted: tuple[_Wanted, ...]  # in the order of rows


@dataclass(frozen=True, slots=True)
class Trouble:
    """An image that could not be looked at."""

    unit: int
    row: int
    nth: int
    reason: str


@dataclass(frozen=True, slots=True)
class Hashed:
    """What was done to know how all images look."""

    decoded: int  # in this run
    kept: int  # from earlier ones
    flat: int  # look like nothing and are compared by digest alone
    troubles: tuple[Trouble, ...]


def hash_images(
    base: duckdb.DuckDBPyConnection,
    units: Sequence[BuiltUnit],
    workers: int,
    progress: Progress,
) -> Hashed:
    """Hash what no earlier run has hashed; leave the tables ``looks`` and ``alike`` behind.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    _load(base, units)
    missing = "SELECT count(*) FROM images ANTI JOIN hashes ON hashes.digest = best[2]"
    wanted, total = _count(base, missing), _count(base, "SELECT count(*) FROM images")
    done: Counter[str] = Counter()
    troubles: list[Trouble] = []
    if wanted:
        progress.start("images", wanted)
        try:
            jobs = _jobs(base.cursor(), units)
            for count, size, found in spread(_hash, jobs, processes(workers, wanted)):
                progress.advance(count, size, len(found))
                done["decoded"] += count - len(found)
                troubles += found
        finally:
            progress.finish()
        for unit in units:
            settle(unit.cache)
        _load(base, units)
    base.execute(_LOOKS)
    flat = _count(base, "SELECT count(*) FROM looked WHERE flat")
    troubles.sort(key=lambda one: (one.unit, one.row, one.nth))
    return Hashed(done["decoded"], total - wanted, flat, tuple(troubles))


def _load(base: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> None:
    base.execute(
        "CREATE OR REPLACE TABLE hashes"
        " (digest TEXT, coarse UBIGINT, fine BLOB, thumb BLOB, flat BOOLEAN)"
    )
    files = [glob.escape(str(path)) for unit in units for path in kept(unit.cache)]
    if files:
        base.execute(
            "INSERT INTO hashes SELECT DISTINCT ON (digest) digest, coarse, fine, thumb, flat"
            " FROM read_parquet(?) SEMI JOIN placed ON digest = stored",
            [files],
        )


def _count(base: duckdb.DuckDBPyConnection, query: str) -> int:
    found = base.execute(query).fetchone()
    return int(found[0]) if found else 0


def _jobs(base: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> Iterator[_Job]:
    """Yield the images to be hashed, a shard or a part of one at a time."""
    rows = base.execute(_WANTED)
    held: list[_Wanted] = []
    place = (-1, -1)
    while batch := rows.fetchmany(10_000):
        for unit, shard, row, nth, digest in batch:
            if held and (place != (unit, shard) or len(held) >= _JOB_IMAGES):
                yield _job(units, place, held)
                held = []
            place = unit, shard
            held.append(_Wanted(row, nth, digest))
    if held:
        yield _job(units, place, held)


def _job(units: Sequence[BuiltUnit], place: tuple[int, int], held: list[_Wanted]) -> _Job:
    unit = units[place[0]]
    return _Job(unit.folder, unit.manifest.split, unit.cache, unit.number, place[1], tuple(held))


def _hash(job: _Job) -> tuple[int, int, list[Trouble]]:
    """Hash the images of one job and keep the hashes; return count, bytes and troubles."""
    rows = list(dict.fromkeys(wanted.row for wanted in job.wanted))
    by_row: dict[int, list[_Wanted]] = {row: [] for row in rows}
    for wanted in job.wanted:
        by_row[wanted.row].append(wanted)
    hashes, troubles, size = [], [], 0
    left = iter(rows)
    try:
        for built in read_rows(job.folder, _manifest(job.folder, job.split), rows):
            for wanted in by_row.pop(next(left)):
                found = _one(built.images, wanted)
                if isinstance(found, str):
                    troubles.append(Trouble(job.unit, wanted.row, wanted.nth, found))
                else:
                    hashes.append(found)
                    size += len(built.images[wanted.nth])
    except _SHARD_TROUBLE as error:
        why = f"its shard cannot be read: {type(error).__name__}: {error}"[:300]
        troubles += [
            Trouble(job.unit, one.row, one.nth, why) for many in by_row.values() for one in many
        ]
    write_part(job.cache, f"{job.shard:05d}-{rows[0]:09d}", hashes)
    return len(job.wanted), size, troubles


def _manifest(folder: Path, split: str) -> Manifest:
    """Return the manifest of a unit; not sent with every job, as it may be large."""
    path = folder / "meta" / split / NAME
    return _read(folder, split, path.stat().st_mtime_ns)


@lru_cache(4)
def _read(folder: Path, split: str, _: int) -> Manifest:
    return read_units(folder, split)[0]


def _one(images: Sequence[bytes], wanted: _Wanted) -> dict[str, Any] | str:
    """Return a row of the cache, or in words why there is none."""
    if wanted.nth >= len(images):
        return "the row holds fewer images than its index says"
    data = images[wanted.nth]
    if blake3(data).hexdigest() != wanted.digest:
        return "its bytes are not those the index speaks of; the shard is damaged"
    try:
        seen = look(data)
    except UnreadableImage as error:
        return f"does not decode: {error}"
    return {"digest": wanted.digest, **asdict(seen)}
