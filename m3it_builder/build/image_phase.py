"""Phase B of one unit: reuse unchanged shards, and pack the others in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from m3it_builder.build.assemble import Packing
from m3it_builder.build.fingerprint import Fingerprint, digest
from m3it_builder.build.ownership import require_free
from m3it_builder.build.pack import PackJob, pack
from m3it_builder.build.plan import Plan
from m3it_builder.build.preflight import expected_bytes, require_disk
from m3it_builder.build.reuse import PreviousShards, finished_shard
from m3it_builder.build.shard_record import ShardRecord
from m3it_builder.build.spool_reader import ShardPlan
from m3it_builder.build.unit import Unit
from m3it_builder.executors.local import run_with_progress
from m3it_builder.media.video.extract import decoder_version, require_backend
from m3it_builder.progress import Progress
from m3it_builder.shards.formats import FORMATS
from m3it_builder.tasks.registry import Task


@dataclass(frozen=True, slots=True)
class ImagePhase:
    """The image phase of one unit."""

    task: Task
    unit: Unit
    plan: Plan
    fingerprint: Fingerprint

    def pack(
        self, shards: Sequence[ShardPlan], has_video: bool, workers: int, progress: Progress
    ) -> tuple[list[ShardRecord], int]:
        """Return the records of all shards in order, and the number packed by this run.

        Raises:
            BuildError: the disk is too small, a video decoder is not installed, or a file
                that no build wrote has the name of a shard.
            SourceChangedError: a source file is not the one that was located.
        """
        if has_video:
            require_backend(self.plan.file.video.backend)
        jobs = self._jobs(shards, has_video)
        formats = [FORMATS[name] for name in self.plan.formats]
        paths = [entry.path(self.unit.split, one.shard) for one in shards for entry in formats]
        require_free(self.unit, paths)
        previous = PreviousShards(self.unit)
        records = {
            job.shard.shard: finished_shard(self.unit, job) or previous.reuse(job) for job in jobs
        }
        todo = [job for job in jobs if records[job.shard.shard] is None]
        require_disk(self.unit, expected_bytes((job.shard for job in todo), self.plan))
        progress.start(f"{self.unit.name} images", sum(shard.rows for shard in shards))
        try:
            for record in filter(None, records.values()):
                progress.advance(record.rows, record.image_bytes, len(record.rejects))
            for record in run_with_progress(pack, todo, workers, progress.advance):
                records[record.shard] = record
        finally:
            progress.finish()
        return [record for record in records.values() if record is not None], len(todo)

    def packing(self, has_video: bool = False) -> Packing:
        """Return the packing options of the shards."""
        file, task = self.plan.file, self.task
        decoder = decoder_version(file.video.backend) if has_video else ""
        return Packing(
            task=task.name,
            split=self.unit.split,
            formats=tuple(sorted(self.plan.formats)),
            images=self.plan.images,
            decode=file.decode,
            max_pixels=file.max_pixels,
            min_side=file.min_image_side,
            max_aspect=file.max_image_aspect,
            max_bytes=int(file.max_image_mb * 1e6),
            frame=task.card.frame,
            style=task.card.render.style(),
            video=self.plan.video(),
            code=digest(
                msgspec.json.encode([self.fingerprint.packing, self.fingerprint.toolchain, decoder])
            ),
        )

    def _jobs(self, shards: Sequence[ShardPlan], has_video: bool) -> list[PackJob]:
        packing = self.packing(has_video)
        sources = digest(msgspec.json.encode(self.fingerprint.files, order="sorted"))
        return [
            PackJob(
                spool=str(self.unit.spool),
                work=str(self.unit.work),
                shard=shard,
                packing=packing,
                sources=sources,
            )
            for shard in shards
        ]
