"""Phase B: one range of the spool becomes one shard, in each format asked for.

A job is a plain value, so a process pool or a cluster runs the same function.
Bytes are read once, in the order they lie on the disk, and written in the order
of the rows; a window of bounded size stands between the two.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from blake3 import blake3

from m3it_builder.images import decodes, draw
from m3it_builder.probe import BadPicture, probe
from m3it_builder.reading import Key, PictureReader, key_of, windows
from m3it_builder.records import Frames, Image, Region, Reject
from m3it_builder.shards import FORMATS, OutRow, Picture, open_writer, row_key
from m3it_builder.shards.index import PartWriter, structure, texts
from m3it_builder.shards.output import Output
from m3it_builder.spool import ReadSpool, ShardPlan
from m3it_builder.unit import Unit
from m3it_builder.video.extract import Taken, VideoPlan
from m3it_builder.wire import Row, byte_count

Tick = Callable[[int, int, int], None]  # rows, bytes, rejects since the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class PackJob:
    """All that is needed to write one shard, on any process of this machine."""

    task: str
    split: str
    spool: str  # path
    work: str  # folder; shards, index parts and done records go below it
    shard: ShardPlan
    formats: tuple[str, ...]
    images: Literal["bytes", "base64"]
    decode: Literal["probe", "full"]
    max_pixels: int
    max_bytes: int  # of one picture
    frame: Literal["stored", "displayed"] | None
    draws: bool  # whether regions are drawn on the pictures
    video: VideoPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDone:
    """What came of a job; as a file, the proof that the shard is whole."""

    shard: int
    key: str
    rows: int
    pictures: int
    picture_bytes: int
    files: dict[str, dict[str, Any]]  # by format: path, bytes, blake3
    rejects: list[list[str]]  # id, reason, detail


def done_path(work: Path, shard: int) -> Path:
    """Return where the done record of a shard lies."""
    return work / "done" / f"{shard:05d}.json"


def part_path(work: Path, shard: int) -> Path:
    """Return where the index rows of a shard lie."""
    return work / "index" / f"{shard:05d}.arrow"


def read_done(unit: Unit, shard: ShardPlan, formats: Iterable[str]) -> ShardDone | None:
    """Return the record of a finished shard, or None if it must be packed (again)."""
    try:
        record = ShardDone(**json.loads(done_path(unit.work, shard.shard).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if record.key != shard.key or set(record.files) != set(formats):
        return None
    folders = (unit.work, unit.folder) if unit.ready.exists() else (unit.work,)
    whole = all(_is_whole(file, folders) for file in record.files.values())
    return record if whole and part_path(unit.work, shard.shard).is_file() else None


def _is_whole(file: dict[str, Any], folders: Iterable[Path]) -> bool:
    paths = [folder / file["path"] for folder in folders]
    return any(path.is_file() and path.stat().st_size == file["bytes"] for path in paths)


def pack(job: PackJob, tick: Tick = lambda *_: None) -> ShardDone:
    """Write one shard, its index part and, last of all, its done record.

    Args:
        job: what to write.
        tick: told of rows, bytes and rejects now and then.

    Raises:
        SourceError: an archive is damaged in a way that is not one picture's.
    """
    work = Path(job.work)
    rejects: list[Reject] = []
    counts: Counter[str] = Counter()
    sinks = {name: _Sink(job, name) for name in job.formats}
    with ExitStack() as stack:
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
            counts["pictures"] += len(out.pictures)
            counts["bytes"] += sum(len(picture.data) for picture in out.pictures)
        files = {name: sink.finish() for name, sink in sinks.items()}
    record = ShardDone(
        shard=job.shard.shard,
        key=job.shard.key,
        rows=counts["rows"],
        pictures=counts["pictures"],
        picture_bytes=counts["bytes"],
        files=files,
        rejects=[[r.id, r.reason, r.detail] for r in rejects],
    )
    _write_whole(done_path(work, job.shard.shard), json.dumps(asdict(record)).encode())
    return record


class _Sink:
    """One format's file, under a temporary name until it is whole."""

    def __init__(self, job: PackJob, name: str) -> None:
        self._relative = FORMATS[name].path(job.split, job.shard.shard, name)
        self._target = Path(job.work) / self._relative
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._target.with_name(self._target.name + ".partial")
        self._output = Output(self._partial)
        self._writer = open_writer(name, self._output, job.images)

    def write(self, name: str, row: OutRow) -> dict[str, int]:
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
        return {"path": self._relative, "bytes": size, "blake3": digest}

    def abandon(self) -> None:
        """Close an unfinished file and take it away."""
        if not self._output.closed:
            with suppress(OSError):  # a full disk: the error that brought us here says so
                self._output.close()
            self._partial.unlink(missing_ok=True)


def _finished_rows(
    job: PackJob, spool: ReadSpool, rejects: list[Reject], tick: Tick
) -> Iterator[tuple[OutRow, dict[str, Any]]]:
    """Yield each row with its pictures read, checked and drawn; the rest become rejects."""
    with PictureReader(job.max_bytes, job.max_pixels, job.video) as reader:
        for window in windows(spool.rows(job.shard)):
            data = reader.read(image for row in window for image in row.record.images)
            before = len(rejects)
            for row in window:
                try:
                    yield _finish(row, job, data)
                except BadPicture as bad:
                    rejects.append(Reject(row.record.id, bad.reason, bad.detail))
            new = len(rejects) - before
            tick(len(window) - new, sum(byte_count(row.record) for row in window), new)


def _finish(
    row: Row, job: PackJob, data: dict[Key, Taken | BadPicture]
) -> tuple[OutRow, dict[str, Any]]:
    pictures: list[Picture] = []
    described: list[dict[str, Any]] = []
    notes = []
    for place, image in enumerate(row.record.images):
        taken = data[key_of(image)]
        if isinstance(taken, BadPicture):
            raise BadPicture(taken.reason, f"{image.name} {taken.detail}".strip())
        regions = tuple(r for r in row.record.regions if r.image == place and job.draws)
        for raw, name in zip(taken.pictures, _names(image, taken), strict=True):
            try:
                picture, description = _picture(raw, image, regions, job)
            except BadPicture as bad:
                raise BadPicture(bad.reason, f"{name} {bad.detail}".strip()) from bad
            pictures.append(picture)
            described.append({**description, "name": name})
        if isinstance(image.part, Frames):
            notes.append({"video": image.name, **taken.note})
    if notes:
        record = replace(row.record, meta={**row.record.meta, "frames": notes})
        row = replace(row, record=record)
    columns: dict[str, Any] = texts(row, job.task, job.split)
    out = OutRow(row_key(row.record.id), dict(columns), tuple(pictures))
    columns |= structure(row) | {"images": described, "key": out.key}
    return out, columns


def _names(image: Image, taken: Taken) -> list[str]:
    """Return a name in the source for each picture: frames and cells add their index."""
    if image.part is None:
        return [image.name]
    return [f"{image.name}#{index}" for index in taken.note["indices"]]


def _picture(
    raw: bytes, image: Image, regions: tuple[Region, ...], job: PackJob
) -> tuple[Picture, dict[str, Any]]:
    header = probe(raw)
    if header.width * header.height > job.max_pixels:
        raise BadPicture("image_oversized", f"{header.width}x{header.height}")
    mime, width, height = header.mime, header.width, header.height
    source_digest = digest = blake3(raw).hexdigest()
    if regions:
        drawn = draw(raw, regions, image.size, job.frame)
        raw, mime, width, height = drawn.data, drawn.mime, drawn.width, drawn.height
        digest = blake3(raw).hexdigest()
    elif job.decode == "full":
        decodes(raw)
    return Picture(raw, mime), {
        "digest": digest,
        "source_digest": source_digest,
        "mime": mime,
        "width": width,
        "height": height,
        "bytes": len(raw),
    }


def _write_whole(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    partial.replace(path)
