"""Phase B: pack a range of the spool into one shard, in each requested format.

A job is a plain value, so that a process pool or a cluster can run the same function.
Images are read once, in disk order, and written in row order; a window of bounded size
buffers them in between.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.build.assemble import Packing, assemble
from m3it_builder.build.shard_record import ShardRecord, part_path, write_record
from m3it_builder.build.spool_reader import ReadSpool, ShardPlan
from m3it_builder.dataset.index import PartWriter
from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.manifest import ShardFile
from m3it_builder.media.probe import BadImage
from m3it_builder.media.reader import ImageReader, byte_count, read_ahead
from m3it_builder.records import Reject
from m3it_builder.shards.formats import FORMATS, ShardRow, ShardWriter, open_writer
from m3it_builder.storage.atomic import atomic_path, remove_partials
from m3it_builder.storage.output import Output

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
    work, number = Path(job.work), job.shard.shard
    rejects: list[Reject] = []
    counts: Counter[str] = Counter()
    with _rare_collections(), ExitStack() as stack:
        files: dict[str, _ShardFile] = {
            name: stack.enter_context(_shard_file(job, name)) for name in job.packing.formats
        }
        known = {name: file.writer.ranges for name, file in files.items()}
        ranges = {name: rows for name, rows in known.items() if rows is not None}
        spool = ReadSpool(Path(job.spool))
        stack.callback(spool.close)
        part = stack.enter_context(atomic_path(part_path(work, number), fsync=True))
        index = stack.enter_context(PartWriter(part, ranges))
        writes = [file.writer.write for file in files.values()]
        for row, described in _rows(job, spool, rejects, progress):
            for write in writes:
                write(row)
            index.write(described)
            counts["rows"] += 1
            counts["images"] += len(row.images)
            counts["max_images"] = max(counts["max_images"], len(row.images))
            counts["bytes"] += sum([len(image.data) for image in row.images])
        for file in files.values():
            file.finish()
        index.finish()
    record = ShardRecord(
        shard=number,
        key=job.shard.key,
        packing=job.packing.fingerprint,
        sources=job.sources,
        rows=counts["rows"],
        images=counts["images"],
        max_images=counts["max_images"],
        image_bytes=counts["bytes"],
        files={name: file.described for name, file in files.items()},
        rejects=tuple(rejects),
    )
    write_record(work, record)
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


@dataclass(frozen=True, slots=True)
class _ShardFile:
    """The file of one format while it is written."""

    path: str  # relative to the folder of the task
    output: Output
    writer: ShardWriter

    def finish(self) -> None:
        """Write the end of the file and close it."""
        self.writer.close()
        self.output.close()

    @property
    def described(self) -> ShardFile:
        """Return path, size and digest of the finished file."""
        return ShardFile(self.path, self.output.size, self.output.digest)


@contextmanager
def _shard_file(job: PackJob, name: str) -> Iterator[_ShardFile]:
    """Yield the file of one format; it gets its final name if the block ends without error."""
    path = FORMATS[name].path(job.packing.split, job.shard.shard)
    target = Path(job.work) / path
    remove_partials(target)
    with atomic_path(target, fsync=True) as partial:
        output = Output(partial)
        try:
            yield _ShardFile(path, output, open_writer(name, output, job.packing.images))
        except BaseException:
            with suppress(OSError):  # on a full disk closing fails too; report the first error
                output.close()
            raise


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
