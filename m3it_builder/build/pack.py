"""Phase B: pack a range of the spool into one shard, in each requested format.

A job is a plain value, so that a process pool or a cluster can run the same function.
Images are read once, in disk order, and written in row order; a window of bounded size
buffers them in between.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.build.assemble import Packing, assemble
from m3it_builder.build.shard_record import ShardRecord, write_record
from m3it_builder.build.shard_writer import ShardTarget, write_shard
from m3it_builder.build.spool_reader import ReadSpool, ShardPlan
from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.media.probe import BadImage
from m3it_builder.media.reader import ImageReader, byte_count, read_ahead
from m3it_builder.records import Reject
from m3it_builder.shards.formats import ShardRow

_COLLECT_AFTER = 100_000  # new objects

Progress = Callable[[int, int, int], None]  # rows, bytes, rejects since the last call


@dataclass(frozen=True, slots=True, kw_only=True)
class PackJob:
    """Everything needed to write one shard, in any process of this machine."""

    spool: str  # path
    work: str  # folder for shards, index parts and records
    shard: ShardPlan
    packing: Packing
    sources: str = ""  # digest of the state of the source files


def pack(job: PackJob, progress: Progress = lambda *_: None) -> ShardRecord:
    """Write one shard and its index part, then its record, which declares it complete.

    Args:
        job: the shard.
        progress: called with the rows, bytes and rejects of each window.
    """
    rejects: list[Reject] = []
    packing = job.packing
    target = ShardTarget(
        work=job.work,
        split=packing.split,
        shard=job.shard.shard,
        formats=packing.formats,
        images=packing.images,
    )
    with _rare_collections(), closing(ReadSpool(Path(job.spool))) as spool:
        written = write_shard(target, _rows(job, spool, rejects, progress))
    record = ShardRecord(
        shard=target.shard,
        key=job.shard.key,
        packing=packing.fingerprint,
        sources=job.sources,
        rows=written.rows,
        images=written.images,
        max_images=written.max_images,
        image_bytes=written.image_bytes,
        files=written.files,
        rejects=tuple(rejects),
    )
    write_record(Path(job.work), record)
    return record


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Run the garbage collector less often.

    Packing creates many short-lived objects without reference cycles; at the default
    threshold the collector visits them every 700 allocations and frees nothing.
    """
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _rows(
    job: PackJob, spool: ReadSpool, rejects: list[Reject], progress: Progress
) -> Iterator[tuple[ShardRow, IndexRow]]:
    """Yield the rows with their images; rows whose images cannot be used become rejects."""
    packing, number = job.packing, 0
    archives = spool.facts.archives
    with ImageReader(packing.max_bytes, packing.max_pixels, packing.video, archives) as reader:
        for window, loaded in read_ahead(spool.instances(job.shard), reader):
            before = len(rejects)
            for instance in window:
                try:
                    row, described = assemble(instance, packing, loaded, (job.shard.shard, number))
                except BadImage as bad:
                    rejects.append(Reject(instance.record.id, bad.reason, bad.detail))
                else:
                    yield row, described
                    number += 1
            new = len(rejects) - before
            done = sum([byte_count(instance.record) for instance in window])
            progress(len(window) - new, done, new)
