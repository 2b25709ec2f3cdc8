"""One shard, in all its formats, held against its rows of the index: the unit of work.

Memory holds a few rows at a time. The index is read once, and each file twice
in a row, for its digest and for its content, the second time out of the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.digest import algorithm_of, file_digest
from m3it_builder.verify.compare import Stream
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.images import ImageChecker
from m3it_builder.verify.manifest_schema import FileClaim, ShardClaim
from m3it_builder.verify.read_jsonl import read_jsonl
from m3it_builder.verify.read_tables import batch_rows, read_arrow, read_parquet, table_batches
from m3it_builder.verify.read_tar import read_tar
from m3it_builder.verify.rows import Expected, changed_with_region, check_row
from m3it_builder.verify.stored_row import UNREADABLE, Broken, Found, ImageEncoding, Note, said

_ROWS = 256  # of the index, at once
_TOLD_BYTES = 4 << 20

Tick = Callable[[int], None]  # done since the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """All that is needed to check one shard, on any process of this machine."""

    folder: str  # of the task
    index: str  # path inside it
    groups: tuple[int, ...] | None  # of the index, that hold its rows; None without an index
    shard: ShardClaim
    images: ImageEncoding
    max_pixels: int
    expected: Expected
    quick: bool = False  # leave the files of the shard alone

    @property
    def size(self) -> int:
        """Return how much there is to do: bytes of its files, or rows where they stay closed."""
        if self.quick:
            return self.shard.rows
        return sum(file.bytes for file in self.shard.files.values())


@dataclass(slots=True)
class ShardSeen:
    """What was met in one shard."""

    unit: str
    rows: int = 0
    images: int = 0
    image_bytes: int = 0
    drawn: set[bool] = field(default_factory=set)  # of images with regions
    tally: Tally = field(default_factory=Tally)


def check_shard(job: ShardJob, tick: Tick) -> ShardSeen:
    """Check the rows of one shard, and its files unless the job is quick.

    Args:
        job: what to check.
        tick: told now and then how much of ``job.size`` is done.
    """
    seen = ShardSeen(f"{job.expected.task}/{job.expected.split}")
    index = f"{seen.unit} index"
    streams = [] if job.quick else list(_streams(job, seen.tally))
    pace = _Pace(tick, job.size)
    if job.groups is not None:  # else there is nothing to hold the files against
        try:
            _compare(job, job.groups, streams, seen, pace)
        except Broken as broken:
            check = "damaged_text" if broken.check == "damaged_text" else "index_unreadable"
            seen.tally.add(check, index, broken.detail)
        except UNREADABLE as error:
            seen.tally.add("index_unreadable", index, said(error))
    pace.finish()
    return seen


def _compare(
    job: ShardJob,
    groups: tuple[int, ...],
    streams: Sequence[Stream],
    seen: ShardSeen,
    pace: _Pace,
) -> None:
    images = ImageChecker(job.max_pixels)
    for row in _index_rows(job, groups):
        where = f"{seen.unit} shard {row['shard']} row {row['row']} ({row['id']})"
        faults = list(check_row(row, job.expected))
        seen.tally.extend(where, faults)
        if any(check == "null_value" for check, _ in faults):
            for stream in streams:
                stream.skip()
            continue
        _count(row, seen)
        images.next_row()
        for stream in streams:
            pace.advance(stream.compare(row, images))
    for stream in streams:
        stream.finish()


class _Pace:
    """Tells what is done, not too often, and no more than there is."""

    def __init__(self, tick: Tick, total: int) -> None:
        self._tick = tick
        self._left = total
        self._held = 0

    def advance(self, count: int) -> None:
        self._held += count
        if self._held >= _TOLD_BYTES:
            told = min(self._held, self._left)
            self._held, self._left = 0, self._left - told
            self._tick(told)

    def finish(self) -> None:
        self._tick(self._left)


def _count(row: dict[str, Any], seen: ShardSeen) -> None:
    seen.rows += 1
    seen.images += len(row["images"])
    seen.image_bytes += sum(image["bytes"] for image in row["images"])
    seen.drawn.update(changed_with_region(row))


def _index_rows(job: ShardJob, groups: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the shard from the index, a few in memory at a time."""
    with pq.ParquetFile(Path(job.folder) / job.index) as index:
        for batch in table_batches(index, groups, _ROWS):
            for row in batch_rows(batch):
                if row["shard"] == job.shard.shard:  # no other is in its groups, unless misplaced
                    yield row


def _streams(job: ShardJob, tally: Tally) -> Iterator[Stream]:
    split = job.expected.split
    for name, claim in job.shard.files.items():
        relative = FORMATS[name].path(split, job.shard.shard, name)
        path = Path(job.folder) / relative
        if not path.is_file():
            continue  # said already
        where = f"{job.expected.task}/{relative}"
        check_digest(path, claim, where, tally)
        yield Stream(name, partial(_read, name, path, job.images), where, tally)


def check_digest(path: Path, claim: FileClaim, where: str, tally: Tally) -> None:
    """Hold the digest of a file against the one in the manifest; read in blocks."""
    algorithm = algorithm_of(claim.digest)
    if algorithm is None:
        tally.add("file_digest", where, f"{claim.digest[:24]!r} names no digest that is known")
        return
    try:
        digest = file_digest(path, algorithm)
    except OSError as error:
        tally.add("shard_unreadable", where, said(error))
        return
    if digest != claim.digest:
        tally.add("file_digest", where, f"{digest[:24]}..., not {claim.digest[:24]}...")


def _read(name: str, path: Path, images: ImageEncoding, note: Note) -> Iterator[Found]:
    if name == "webdataset":
        return read_tar(path, images, note)
    if name == "jsonl":
        return read_jsonl(path, note)
    read = read_parquet if name == "parquet" else read_arrow
    return read(path, images, note)
