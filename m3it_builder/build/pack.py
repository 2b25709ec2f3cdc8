"""Phase B: one range of the spool becomes one shard, in each format asked for.

A job is a plain value, so a process pool or a cluster runs the same function.
Bytes are read once, in the order they lie on the disk, and written in the order
of the rows; a window of bounded size stands between the two.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m3it_builder.build.assemble import Packing, assemble
from m3it_builder.build.spool import ReadSpool, ShardPlan
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.index import PartWriter
from m3it_builder.media.probe import BadImage
from m3it_builder.media.reader import ImageReader, byte_count, read_ahead
from m3it_builder.records import Reject
from m3it_builder.shards.formats import FORMATS, ShardRow, open_writer
from m3it_builder.storage.atomic import write_atomic
from m3it_builder.storage.output import Output

_COLLECT_AFTER = 100_000  # new objects

Tick = Callable[[int, int, int], None]  # rows, bytes, rejects since the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class PackJob:
    """All that is needed to write one shard, on any process of this machine."""

    spool: str  # path
    work: str  # folder; shards, index parts and done records go below it
    shard: ShardPlan
    how: Packing
    sources: str = ""  # digest of the state of the source files


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """What came of a job; as a file, the proof that the shard is whole."""

    shard: int
    key: str
    basis: str
    sources: str
    rows: int
    images: int
    image_bytes: int
    files: dict[str, dict[str, Any]]  # by format: path, bytes, digest
    rejects: list[list[str]]  # id, reason, detail


def done_path(work: Path, shard: int) -> Path:
    """Return where the done record of a shard lies."""
    return work / "done" / f"{shard:05d}.json"


def part_path(work: Path, shard: int) -> Path:
    """Return where the index rows of a shard lie."""
    return work / "index" / f"{shard:05d}.arrow"


def read_done(unit: Unit, job: PackJob) -> ShardDone | None:
    """Return the record of a finished shard, or None if it must be packed (again)."""
    shard = job.shard
    try:
        record = ShardDone(**json.loads(done_path(unit.work, shard.shard).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    same = (record.key, record.basis) == (shard.key, job.how.basis)
    if not same or not is_deterministic(record, job) or set(record.files) != set(job.how.formats):
        return None
    folders = (unit.work, unit.folder) if unit.ready.exists() else (unit.work,)
    whole = all(_is_whole(file, folders) for file in record.files.values())
    return record if whole and part_path(unit.work, shard.shard).is_file() else None


def is_deterministic(record: ShardDone, job: PackJob) -> bool:
    """Tell whether packing a shard again would meet the same images.

    An image that was rejected may have been mended since, without its name or
    length, or the checksum that an archive states, having changed.
    """
    return not record.rejects or record.sources == job.sources


def _is_whole(file: dict[str, Any], folders: Iterable[Path]) -> bool:
    paths = [folder / file["path"] for folder in folders]
    return any(path.is_file() and path.stat().st_size == file["bytes"] for path in paths)


def pack(job: PackJob, tick: Tick = lambda *_: None) -> ShardDone:
    """Write one shard, its index part and, last of all, its done record.

    Args:
        job: what to write.
        tick: told of rows, bytes and rejects now and then.

    Raises:
        SourceError: an archive is damaged in a way that is not one image's.
    """
    work = Path(job.work)
    (work / "index").mkdir(parents=True, exist_ok=True)
    done_path(work, job.shard.shard).unlink(missing_ok=True)  # it speaks of files that go now
    rejects: list[Reject] = []
    counts: Counter[str] = Counter()
    sinks = {name: _Sink(job, name) for name in job.how.formats}
    with _rare_collections(), ExitStack() as stack:
        for sink in sinks.values():
            stack.callback(sink.abandon)
        spool = ReadSpool(Path(job.spool))
        stack.callback(spool.close)
        index = stack.enter_context(PartWriter(part_path(work, job.shard.shard)))
        for out, columns in _finished_rows(job, spool, rejects, tick):
            for name, sink in sinks.items():
                columns |= sink.write(name, out)
            index.write({**columns, "shard": job.shard.shard, "row": counts["rows"]})
            counts["rows"] += 1
            counts["images"] += len(out.images)
            counts["bytes"] += sum(len(image.data) for image in out.images)
        files = {name: sink.finish() for name, sink in sinks.items()}
    record = ShardDone(
        shard=job.shard.shard,
        key=job.shard.key,
        basis=job.how.basis,
        sources=job.sources,
        rows=counts["rows"],
        images=counts["images"],
        image_bytes=counts["bytes"],
        files=files,
        rejects=[[r.id, r.reason, r.detail] for r in rejects],
    )
    write_atomic(done_path(work, job.shard.shard), json.dumps(asdict(record)).encode())
    return record


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector run less often: rows hold no cycles, and there are many of them."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Sink:
    """One format's file, under a temporary name until it is whole."""

    def __init__(self, job: PackJob, name: str) -> None:
        self._relative = FORMATS[name].path(job.how.split, job.shard.shard, name)
        self._target = Path(job.work) / self._relative
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._target.with_name(self._target.name + ".partial")
        self._output = Output(self._partial)
        self._writer = open_writer(name, self._output, job.how.images)

    def write(self, name: str, row: ShardRow) -> dict[str, int]:
        """Append a row; return the index columns that say where it lies."""
        offset, length = self._writer.write(row)
        if not length:
            return {}
        return {f"{name}_offset": offset, f"{name}_length": length}

    def finish(self) -> dict[str, Any]:
        """Close the file, give it its name, and return its path, size and digest."""
        self._writer.close()
        self._output.close()
        self._partial.replace(self._target)
        size, digest = self._output.size, self._output.digest
        return {"path": self._relative, "bytes": size, "digest": digest}

    def abandon(self) -> None:
        """Close an unfinished file and take it away."""
        if not self._output.closed:
            with suppress(OSError):  # a full disk: the error that brought us here says so
                self._output.close()
            self._partial.unlink(missing_ok=True)


def _finished_rows(
    job: PackJob, spool: ReadSpool, rejects: list[Reject], tick: Tick
) -> Iterator[tuple[ShardRow, dict[str, Any]]]:
    """Yield each row with its images read, checked and drawn; the rest become rejects."""
    with ImageReader(job.how.max_bytes, job.how.max_pixels, job.how.video) as reader:
        for window, data in read_ahead(spool.rows(job.shard), reader):
            before = len(rejects)
            for row in window:
                try:
                    yield assemble(row, job.how, data)
                except BadImage as bad:
                    rejects.append(Reject(row.record.id, bad.reason, bad.detail))
            new = len(rejects) - before
            tick(len(window) - new, sum(byte_count(row.record) for row in window), new)
