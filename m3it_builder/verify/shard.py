"""Checks one shard, in all its formats, against its index rows: the unit of work.

Memory holds a few rows at a time. The index is read once. Each file is read
twice in a row, for its digest and for its content; the second read comes from
the page cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.manifest import Shard, ShardFile
from m3it_builder.records import JsonObject
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.digest import algorithm_of, file_digest
from m3it_builder.verify.compare import ShardFileChecker
from m3it_builder.verify.findings import Tally
from m3it_builder.verify.images import ImageChecker
from m3it_builder.verify.read_jsonl import read_jsonl
from m3it_builder.verify.read_tables import batch_rows, read_arrow, read_parquet, table_batches
from m3it_builder.verify.read_tar import read_tar
from m3it_builder.verify.rows import UnitContext, check_row, drawn_flags, parse_row
from m3it_builder.verify.stored_row import (
    READ_ERRORS,
    ImageEncoding,
    ReadError,
    Reporter,
    StoredRow,
    first_line,
)

_INDEX_BATCH_ROWS = 256
_PROGRESS_BYTES = 4 << 20
_READERS = {"webdataset": read_tar, "parquet": read_parquet, "arrow": read_arrow}

Tick = Callable[[int], None]  # progress callback: bytes or rows done since the last call


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """The arguments of ``check_shard``; picklable."""

    folder: str  # of the task
    index: str  # path in that folder
    groups: tuple[int, ...] | None  # row groups of the index with its rows; None without an index
    shard: Shard
    images: ImageEncoding
    max_pixels: int
    unit: UnitContext
    quick: bool = False  # do not open the files of the shard

    @property
    def size(self) -> int:
        """Return the size of the job: bytes of its files, or rows if ``quick``."""
        if self.quick:
            return self.shard.rows
        return sum(file.bytes for file in self.shard.files.values())


@dataclass(slots=True)
class ShardResult:
    """Counts and findings of one shard."""

    unit: str
    rows: int = 0
    images: int = 0
    max_images: int = 0  # of one row
    image_bytes: int = 0
    drawn: set[bool] = field(default_factory=set)  # drawn_flags of its rows
    tally: Tally = field(default_factory=Tally)


def check_shard(job: ShardJob, tick: Tick) -> ShardResult:
    """Check the rows of one shard, and its files unless the job is quick.

    Args:
        job: what to check.
        tick: progress callback, in the unit of ``job.size``.
    """
    result = ShardResult(f"{job.unit.task}/{job.unit.split}")
    index = f"{result.unit} index"
    files = [] if job.quick else list(_file_checkers(job, result.tally))
    progress = _ProgressThrottle(tick, job.size)
    if job.groups is not None:  # without an index there is nothing to compare the files with
        try:
            _compare(job, job.groups, files, result, progress)
        except ReadError as error:
            check = "invalid_text" if error.check == "invalid_text" else "index_unreadable"
            result.tally.add(check, index, error.detail)
        except READ_ERRORS as error:
            result.tally.add("index_unreadable", index, first_line(error))
    progress.finish()
    return result


def _compare(
    job: ShardJob,
    groups: tuple[int, ...],
    files: Sequence[ShardFileChecker],
    result: ShardResult,
    progress: _ProgressThrottle,
) -> None:
    images = ImageChecker(job.max_pixels)
    for values in _index_rows(job, groups):
        where = f"{result.unit} shard {values['shard']} row {values['row']} ({values['id']})"
        row = parse_row(values)
        if isinstance(row, tuple):
            result.tally.add(row[0], where, row[1])
            for file in files:
                file.skip()
            continue
        result.tally.extend(where, check_row(row, job.unit))
        _count(row, result)
        images.start_row()
        for file in files:
            progress.advance(file.compare(row, images))
    for file in files:
        file.finish()


class _ProgressThrottle:
    """Forwards progress every few megabytes; the sum is exactly the total."""

    def __init__(self, tick: Tick, total: int) -> None:
        self._tick = tick
        self._remaining = total
        self._unreported = 0

    def advance(self, count: int) -> None:
        self._unreported += count
        if self._unreported >= _PROGRESS_BYTES:
            done = min(self._unreported, self._remaining)
            self._unreported, self._remaining = 0, self._remaining - done
            self._tick(done)

    def finish(self) -> None:
        self._tick(self._remaining)


def _count(row: IndexRow, result: ShardResult) -> None:
    result.rows += 1
    result.images += len(row.images)
    result.max_images = max(result.max_images, len(row.images))
    result.image_bytes += sum(image.bytes for image in row.images)
    result.drawn.update(drawn_flags(row))


def _index_rows(job: ShardJob, groups: tuple[int, ...]) -> Iterator[JsonObject]:
    """Yield the index rows of the shard, in small batches."""
    with pq.ParquetFile(Path(job.folder) / job.index) as index:
        for batch in table_batches(index, groups, _INDEX_BATCH_ROWS):
            for row in batch_rows(batch):
                if row["shard"] == job.shard.shard:  # always, unless a row group mixes shards
                    yield row


def _file_checkers(job: ShardJob, tally: Tally) -> Iterator[ShardFileChecker]:
    split = job.unit.split
    for name, file in job.shard.files.items():
        relative = FORMATS[name].path(split, job.shard.shard)
        path = Path(job.folder) / relative
        if not path.is_file():
            continue  # reported as file_missing
        where = f"{job.unit.task}/{relative}"
        check_digest(path, file, where, tally)
        yield ShardFileChecker(name, partial(_read, name, path, job.images), where, tally)


def check_digest(path: Path, expected: ShardFile, where: str, tally: Tally) -> None:
    """Compare the digest of a file with the manifest; reads in blocks."""
    algorithm = algorithm_of(expected.digest)
    if algorithm is None:
        tally.add("file_digest", where, f"unknown digest algorithm: {expected.digest[:24]!r}")
        return
    try:
        digest = file_digest(path, algorithm)
    except OSError as error:
        tally.add("shard_unreadable", where, first_line(error))
        return
    if digest != expected.digest:
        tally.add("file_digest", where, f"{digest[:24]}..., expected {expected.digest[:24]}...")


def _read(name: str, path: Path, images: ImageEncoding, report: Reporter) -> Iterator[StoredRow]:
    if name == "jsonl":
        return read_jsonl(path, images, report)
    return _READERS[name](path, images, report)
