"""Write one shard of a sibling from the rows of the same shard of its base."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3
from msgspec.structs import replace

from m3it_builder.build.rank import rank_of
from m3it_builder.build.shard_record import ShardRecord, write_record
from m3it_builder.build.shard_writer import ShardTarget, write_shard
from m3it_builder.build.transformation import Transformation
from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.dataset.reader import BuiltRow, read_shard_rows
from m3it_builder.errors import BuildError
from m3it_builder.records import Reject, Split
from m3it_builder.shards.formats import FORMATS, TEXT_COLUMNS, EncodedImage, ShardRow
from m3it_builder.stages.check import RowTexts, text_problem
from m3it_builder.stages.render import render

_PROGRESS_ROWS = 500
_NO_RANGES = dict.fromkeys([name for form in FORMATS.values() for name in form.range_columns
                            if name in IndexRow.__struct_fields__])  # fmt: skip

Progress = Callable[[int, int, int], None]  # rows, bytes, rejects since the last call
Ranked = tuple[int, str]  # rank and id


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingShardJob:
    """Everything needed to write one shard of a sibling, in any process of this machine."""

    task: str  # the sibling
    split: Split
    base_folder: str  # of the task of the base
    base: Manifest
    transformation: Transformation
    last: Ranked | None  # of the rows that are taken; None for all
    dropped: Mapping[str, str]  # name of the drop list, by id
    checks: tuple[str, ...]
    target: ShardTarget
    key: str  # digest of the fingerprint of the unit


def write_sibling_shard(job: SiblingShardJob, progress: Progress = lambda *_: None) -> ShardRecord:
    """Write one shard and its index part, then its record, which declares it complete.

    Raises:
        BuildError: a file of the base is missing, truncated or malformed.
    """
    rejects: list[Reject] = []
    rows = _with_progress(_rows(job, rejects), rejects, progress)
    written = write_shard(job.target, rows)
    record = ShardRecord(
        shard=job.target.shard,
        key=job.key,
        packing="",
        sources="",
        rows=written.rows,
        images=written.images,
        max_images=written.max_images,
        image_bytes=written.image_bytes,
        files=written.files,
        rejects=tuple(rejects),
    )
    write_record(Path(job.target.work), record)
    return record


def _rows(job: SiblingShardJob, rejects: list[Reject]) -> Iterator[tuple[ShardRow, IndexRow]]:
    images: dict[str, tuple[bytes, ...]] = {}

    def taken() -> Iterator[IndexRow]:
        for built in _taken(job, rejects):
            images[built.row.id] = built.images
            yield built.row

    style = job.base.style
    number = 0
    for made in job.transformation.rows(taken(), style):
        if isinstance(made, Reject):
            rejects.append(made)
            images.pop(made.id, None)
            continue
        row = _rendered(made, job)
        texts = RowTexts(row.inputs, row.outputs, row.lang, bool(row.images))
        if reason := text_problem(texts, job.checks):
            rejects.append(Reject(row.id, reason))
            images.pop(row.id)
            continue
        row = replace(row, row=number)
        number += 1
        yield _shard_row(row, images.pop(row.id), job), row


def _taken(job: SiblingShardJob, rejects: list[Reject]) -> Iterator[BuiltRow]:
    """Yield the rows of the base that the sibling has, with images if they are embedded."""
    plan = job.base.plan
    rank = rank_of(plan.seed, job.base.task, job.split)
    with_images = job.target.images != "shared"
    for built in read_shard_rows(
        Path(job.base_folder), job.base, job.target.shard, with_images=with_images
    ):
        row_id = built.row.id
        if job.last is not None and (rank(row_id), row_id) > job.last:
            continue
        if row_id in job.dropped:
            rejects.append(Reject(row_id, "dropped", f"listed in {job.dropped[row_id]}"))
            continue
        yield built


def _rendered(row: IndexRow, job: SiblingShardJob) -> IndexRow:
    inputs, outputs = render(row.record(), row.lang, job.base.style)
    return replace(row, task=job.task, inputs=inputs, outputs=outputs, **_NO_RANGES)


def _shard_row(row: IndexRow, images: tuple[bytes, ...], job: SiblingShardJob) -> ShardRow:
    texts = {name: getattr(row, name) for name in TEXT_COLUMNS}
    if job.target.images == "shared":
        return ShardRow(row.key, texts, (), tuple([image.digest for image in row.images]))
    if [blake3(data).hexdigest() for data in images] != [image.digest for image in row.images]:
        raise BuildError(
            f"{job.base_folder}: the images of {row.id} are not those of its index; check it with "
            "`m3it verify`"
        )
    pairs = zip(images, row.images, strict=True)
    return ShardRow(row.key, texts, tuple([EncodedImage(data, one.mime) for data, one in pairs]))


def _with_progress(
    rows: Iterator[tuple[ShardRow, IndexRow]], rejects: list[Reject], progress: Progress
) -> Iterator[tuple[ShardRow, IndexRow]]:
    done = reported = 0
    for row in rows:
        yield row
        done += 1
        if done == _PROGRESS_ROWS:
            progress(done, 0, len(rejects) - reported)
            done, reported = 0, len(rejects)
    progress(done, 0, len(rejects) - reported)
