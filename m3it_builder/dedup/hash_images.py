"""Compute the perceptual hash of every distinct image once, in jobs of one shard each."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
from blake3 import blake3

from m3it_builder.dataset.layout import MANIFEST, meta_path
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.dataset.reader import read_rows, read_units
from m3it_builder.dedup.cache import cached_files, merge_parts, write_part
from m3it_builder.dedup.phash import UnreadableImage, perceptual_hash
from m3it_builder.dedup.tables import SHARD_ERRORS, BuiltUnit
from m3it_builder.executors.local import run, worker_count
from m3it_builder.progress import Progress
from m3it_builder.records import JsonObject

_JOB_IMAGES = 5_000  # at most; a crash loses no more than one job per worker
_MISSING = """
SELECT stored.unit, stored.shard, stored.row, stored.position, stored.digest
FROM images ANTI JOIN hashes ON hashes.digest = stored.digest
ORDER BY ALL
"""
# A phash is one distinct value of the hashes of all images. Images of one phash are
# near-duplicates, and later steps compare phashes, not images.
_PHASHES = """
CREATE TABLE image_hashes AS
SELECT image, coarse, fine, thumb, flat
FROM images JOIN hashes ON hashes.digest = stored.digest;
CREATE TABLE phashes AS
SELECT row_number() OVER (ORDER BY coarse, fine, thumb)::INTEGER - 1 AS phash, *
FROM (SELECT DISTINCT coarse, fine, thumb FROM image_hashes WHERE NOT flat);
CREATE TABLE image_phashes AS
SELECT image, phash FROM image_hashes JOIN phashes USING (coarse, fine, thumb) WHERE NOT flat;
"""


@dataclass(frozen=True, slots=True)
class _Image:
    row: int  # of the unit
    position: int  # in the row
    digest: str  # of the bytes as stored


@dataclass(frozen=True, slots=True)
class _Job:
    folder: Path  # of the task
    split: str
    cache: Path
    unit: int
    shard: int
    images: tuple[_Image, ...]  # in row order


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An image that could not be hashed."""

    unit: int
    row: int
    position: int  # in the row
    reason: str


@dataclass(frozen=True, slots=True)
class HashSummary:
    """Counts of hashed images, and the images that could not be hashed."""

    decoded: int  # in this run
    cached: int  # by earlier runs
    flat: int  # compared by digest only
    unreadable: tuple[Unreadable, ...]


def hash_images(
    database: duckdb.DuckDBPyConnection,
    units: Sequence[BuiltUnit],
    workers: int,
    progress: Progress,
) -> HashSummary:
    """Hash images that are not cached; create the tables ``phashes`` and ``image_phashes``.

    Raises:
        BuildError: a worker was killed.
    """
    _load_cache(database, units)
    total = _count(database, "SELECT count(*) FROM images")
    missing = _count(database, f"SELECT count(*) FROM ({_MISSING})")  # noqa: S608 - a constant
    unreadable: list[Unreadable] = []
    if missing:
        progress.start("images", missing)
        try:
            jobs = _jobs(database.cursor(), units)
            for count, size, failed in run(_hash, jobs, worker_count(workers, missing)):
                progress.advance(count, size, len(failed))
                unreadable += failed
        finally:
            progress.finish()
        for unit in units:
            merge_parts(unit.cache)
        _load_cache(database, units)
    database.execute(_PHASHES)
    flat = _count(database, "SELECT count(*) FROM image_hashes WHERE flat")
    unreadable.sort(key=lambda image: (image.unit, image.row, image.position))
    return HashSummary(missing - len(unreadable), total - missing, flat, tuple(unreadable))


def _load_cache(database: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> None:
    database.execute(
        "CREATE OR REPLACE TABLE hashes"
        " (digest TEXT, coarse UBIGINT, fine BLOB, thumb BLOB, flat BOOLEAN)"
    )
    files = [glob.escape(str(path)) for unit in units for path in cached_files(unit.cache)]
    if files:
        database.execute(
            "INSERT INTO hashes SELECT DISTINCT ON (digest) digest, coarse, fine, thumb, flat"
            " FROM read_parquet(?) SEMI JOIN row_images ON digest = stored_digest",
            [files],
        )


def _count(database: duckdb.DuckDBPyConnection, query: str) -> int:
    row = database.execute(query).fetchone()
    return int(row[0]) if row else 0


def _jobs(database: duckdb.DuckDBPyConnection, units: Sequence[BuiltUnit]) -> Iterator[_Job]:
    """Yield jobs of images that are not cached, each of one shard or a part of it."""
    rows = database.execute(_MISSING)
    images: list[_Image] = []
    source = (-1, -1)  # unit and shard
    while batch := rows.fetchmany(10_000):
        for unit, shard, row, position, digest in batch:
            if images and (source != (unit, shard) or len(images) >= _JOB_IMAGES):
                yield _job(units, source, images)
                images = []
            source = unit, shard
            images.append(_Image(row, position, digest))
    if images:
        yield _job(units, source, images)


def _job(units: Sequence[BuiltUnit], source: tuple[int, int], images: list[_Image]) -> _Job:
    number, shard = source
    unit = units[number]
    return _Job(unit.folder, unit.manifest.split, unit.cache, number, shard, tuple(images))


def _hash(job: _Job) -> tuple[int, int, list[Unreadable]]:
    """Hash and cache the images of a job; return their count, bytes read and failures."""
    by_row: dict[int, list[_Image]] = {}
    for image in job.images:
        by_row.setdefault(image.row, []).append(image)
    rows = list(by_row)
    hashes, failed, size = [], [], 0
    unread = iter(rows)
    try:
        for built in read_rows(job.folder, _manifest(job.folder, job.split), rows):
            for image in by_row.pop(next(unread)):
                hashed = _hash_image(built.images, image)
                if isinstance(hashed, str):
                    failed.append(Unreadable(job.unit, image.row, image.position, hashed))
                else:
                    hashes.append(hashed)
                    size += len(built.images[image.position])
    except SHARD_ERRORS as error:
        reason = f"the shard cannot be read: {type(error).__name__}: {error}"[:300]
        failed += [
            Unreadable(job.unit, image.row, image.position, reason)
            for images in by_row.values()
            for image in images
        ]
    write_part(job.cache, f"{job.shard:05d}-{rows[0]:09d}", hashes)
    return len(job.images), size, failed


def _manifest(folder: Path, split: str) -> Manifest:
    """Return the manifest of a unit; jobs do not carry it, as it may be large."""
    path = folder / meta_path(split, MANIFEST)
    return _read_manifest(folder, split, path.stat().st_mtime_ns)


# The modification time is part of the cache key: a rebuilt unit has another manifest.
@lru_cache(4)
def _read_manifest(folder: Path, split: str, _: int) -> Manifest:
    return read_units(folder, split)[0]


def _hash_image(images: Sequence[bytes], image: _Image) -> JsonObject | str:
    """Return a row of the cache, or the reason why there is none."""
    if image.position >= len(images):
        return "the row has fewer images than its index lists"
    data = images[image.position]
    if blake3(data).hexdigest() != image.digest:
        return "the digest differs from the index; the shard is corrupt"
    try:
        hashed = perceptual_hash(data)
    except UnreadableImage as error:
        return f"the image does not decode: {error}"
    return {"digest": image.digest, **asdict(hashed)}
