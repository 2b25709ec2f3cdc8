"""Write the files and the index part of one shard, in all formats at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from m3it_builder.build.shard_record import part_path
from m3it_builder.dataset.index import PartWriter
from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.manifest import ShardFile
from m3it_builder.shards.formats import (
    FORMATS,
    FormatName,
    ImageEncoding,
    RowRanges,
    ShardRow,
    ShardWriter,
    open_writer,
)
from m3it_builder.storage.atomic import atomic_path, remove_partials
from m3it_builder.storage.output import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTarget:
    """Where a shard is written, and how."""

    work: str  # folder for shards, index parts and records
    split: str
    shard: int
    formats: tuple[FormatName, ...]
    images: ImageEncoding


@dataclass(slots=True)
class WrittenShard:
    """Contents of a written shard."""

    rows: int = 0
    images: int = 0
    max_images: int = 0  # of one row
    image_bytes: int = 0
    files: dict[str, ShardFile] = field(default_factory=dict)  # by format


def write_shard(target: ShardTarget, rows: Iterable[tuple[ShardRow, IndexRow]]) -> WrittenShard:
    """Write rows in every format, and their part of the index; files appear when complete."""
    written = WrittenShard()
    with ExitStack() as stack:
        files = {name: stack.enter_context(_shard_file(target, name)) for name in target.formats}
        known = {name: file.writer.ranges for name, file in files.items()}
        ranges: dict[str, RowRanges] = {
            name: rows for name, rows in known.items() if rows is not None
        }
        part = part_path(Path(target.work), target.shard)
        partial = stack.enter_context(atomic_path(part, fsync=True))
        index = stack.enter_context(PartWriter(partial, ranges))
        writes = [file.writer.write for file in files.values()]
        for row, described in rows:
            for write in writes:
                write(row)
            index.write(described)
            count = len(described.images)
            written.rows += 1
            written.images += count
            written.max_images = max(written.max_images, count)
            written.image_bytes += sum([image.bytes for image in described.images])
        for file in files.values():
            file.finish()
        index.finish()
    written.files = {name: file.described for name, file in files.items()}
    return written


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
def _shard_file(target: ShardTarget, name: str) -> Iterator[_ShardFile]:
    """Yield the file of one format; it gets its final name if the block ends without error."""
    path = FORMATS[name].path(target.split, target.shard)
    location = Path(target.work) / path
    remove_partials(location)
    with atomic_path(location, fsync=True) as partial:
        output = Output(partial)
        try:
            yield _ShardFile(path, output, open_writer(name, output, target.images))
        except BaseException:
            with suppress(OSError):  # on a full disk closing fails too; report the first error
                output.close()
            raise
