"""Build one unit: phase A into the spool, phase B into shards, the manifest last.

Unfinished work is under ``.m3it/`` and can be resumed; a finished unit is moved into
place at once. See ``docs/decisions/0002-work-folder.md``.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal

import msgspec

from m3it_builder.build.assemble import Packing
from m3it_builder.build.commit import Outcome, commit, refresh_readmes
from m3it_builder.build.drop_list import listed
from m3it_builder.build.fingerprint import (
    BuiltFrom,
    Fingerprint,
    annotation_states,
    clear_spool,
    digest,
    fingerprint,
    write_built_from,
)
from m3it_builder.build.freshness import can_resume, finished, require_same_encoding
from m3it_builder.build.pack import PackJob, pack
from m3it_builder.build.plan import Plan
from m3it_builder.build.preflight import (
    expected_bytes,
    require_disk,
    require_sources,
    unreadable_archives,
)
from m3it_builder.build.reject_share import reject_share
from m3it_builder.build.reuse import PreviousShards, finished_shard
from m3it_builder.build.shard_record import ShardRecord
from m3it_builder.build.spool import Spool
from m3it_builder.build.spool_reader import ReadSpool, ShardPlan
from m3it_builder.build.text_phase import fill_spool
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.index import write_rejects
from m3it_builder.dataset.layout import REJECTS
from m3it_builder.dataset.manifest import Manifest, read_manifest_or_none
from m3it_builder.errors import RejectShareError
from m3it_builder.executors.local import run_with_progress
from m3it_builder.media.video.extract import decoder_version, require_backend
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import Reject, Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.storage.atomic import atomic_path
from m3it_builder.tasks.opening import catalogs_of, open_source
from m3it_builder.tasks.registry import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one unit."""

    task: str
    split: str
    status: Literal["built", "up to date", "planned"]
    rows: int
    shards: int  # files
    bytes: int  # of shards; expected ones of a planned unit
    packed: int = 0  # files packed by this run; the others were reused
    rejects: dict[str, int] = field(default_factory=dict)  # by reason
    unmatched: int = 0  # ids in drop lists that matched no row


@dataclass(frozen=True, slots=True)
class _Inputs:
    """A unit, and what it is built from: opened once."""

    unit: Unit
    catalogs: dict[str, Catalog]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Where to read, where to write, and how."""

    sources: Path
    out: Path
    plan: Plan
    workers: int = 1
    replace: bool = False
    plan_only: bool = False
    progress: Progress = field(default_factory=Silent)

    def unit(self, task: Task, split: Split) -> Report:
        """Build one unit completely, or leave an up-to-date one as it is.

        Raises:
            SourceError: raw files are missing or corrupt.
            BuildError: the unit exists and was built from other inputs, or the
                environment fails (disk full, permission).
            RejectShareError: too many examples were rejected.
        """
        unit = Unit(task, split, self.out)
        catalogs = catalogs_of(task, split, self.sources)
        require_sources(unit, catalogs, self.sources)
        require_same_encoding(unit, self.plan.images)
        inputs = _Inputs(unit, catalogs, fingerprint(task, split, self.plan, catalogs))
        with unit.locked():
            if self.plan_only:
                return self._plan(inputs)
            if not self.replace and (done := self._finished(inputs)):
                refresh_readmes(unit, only_if_stale=True)
                return _report(done, "up to date")
            if self.replace or not self._can_resume(inputs):
                clear_spool(unit.work)
                self._text_phase(inputs, unit.spool)
            return self._image_phase(inputs)

    def packing(self, unit: Unit, made_by: Fingerprint, has_video: bool = False) -> Packing:
        """Return how the shards of a unit are packed."""
        file, card = self.plan.file, unit.task.card
        decoder = decoder_version(file.video.backend) if has_video else ""
        return Packing(
            task=unit.task.name,
            split=unit.split,
            formats=tuple(sorted(self.plan.formats)),
            images=self.plan.images,
            decode=file.decode,
            max_pixels=file.max_pixels,
            max_bytes=int(file.max_image_mb * 1e6),
            frame=card.frame,
            style=card.render.style(),
            video=self.plan.video(),
            code=digest(msgspec.json.encode([made_by.packing, made_by.toolchain, decoder])),
        )

    def _finished(self, inputs: _Inputs) -> Manifest | None:
        return finished(inputs.unit, inputs.fingerprint, inputs.catalogs, self.sources)

    def _can_resume(self, inputs: _Inputs) -> bool:
        return can_resume(inputs.unit, inputs.fingerprint, inputs.catalogs, self.sources)

    def _plan(self, inputs: _Inputs) -> Report:
        """Run the text phase alone; a later build resumes from its spool, where it can."""
        unit = inputs.unit
        resumed = self._can_resume(inputs)
        busy = unit.work.exists() or read_manifest_or_none(unit.meta) is not None
        spool = unit.spool if resumed or not busy else unit.state / "plan" / unit.spool.name
        try:
            if not resumed:
                self._text_phase(inputs, spool)
            reader = ReadSpool(spool)
            shards, reasons, facts = reader.shards(), reader.reasons(), reader.facts
            reader.close()
        finally:
            shutil.rmtree(unit.state / "plan", ignore_errors=True)
        return Report(
            task=unit.task.name,
            split=unit.split,
            status="planned",
            rows=sum(shard.rows for shard in shards),
            shards=len(shards) * len(self.plan.formats),
            bytes=expected_bytes(shards, self.plan),
            rejects=dict(reasons.most_common()),
            unmatched=facts.unmatched,
        )

    def _text_phase(self, inputs: _Inputs, target: Path) -> None:
        """Fill a spool, and save what it was made from."""
        unit = inputs.unit
        source = open_source(unit.task, unit.split, self.sources, inputs.catalogs)
        dropped = listed(self.plan.drop, (unit.task.name, unit.split))
        with atomic_path(target) as partial:
            spool = Spool(partial, (unit.task.name, unit.split), self.plan.seed, dropped)
            try:
                fill_spool(spool, unit.task, source, self.plan, self.progress)
            except BaseException:
                spool.discard()
                raise
            for catalog in inputs.catalogs.values():
                catalog.refresh()
            built_from = BuiltFrom(
                fingerprint=inputs.fingerprint,
                annotations=annotation_states(inputs.catalogs, source.names_read),
                sources=str(self.sources.resolve()),
            )
            write_built_from(target.parent, built_from)

    def _image_phase(self, inputs: _Inputs) -> Report:
        """Pack the shards of a complete spool, and commit the unit."""
        unit = inputs.unit
        spool = ReadSpool(unit.spool)
        try:
            shards, reasons = spool.shards(), spool.reasons()
            self._require_share(inputs, spool, sum(shard.rows for shard in shards), reasons)
            records, packed = self._pack(inputs, shards, spool.facts.has_video)
            rejects = [("pack", reject) for record in records for reject in record.rejects]
            reasons.update(reject.reason for _, reject in rejects)
            rows = sum(record.rows for record in records)
            self._require_share(inputs, spool, rows, reasons, rejects)
            outcome = Outcome(records, chain(spool.rejects(), rejects), reasons)
            manifest = commit(unit, inputs.fingerprint, self.plan, outcome)
            report = _report(manifest, "built", packed * len(self.plan.formats))
            return replace(report, unmatched=spool.facts.unmatched)
        finally:
            spool.close()

    def _pack(
        self, inputs: _Inputs, shards: Sequence[ShardPlan], has_video: bool
    ) -> tuple[list[ShardRecord], int]:
        """Return the records of all shards in order, and how many were packed by this run."""
        if has_video:
            require_backend(self.plan.file.video.backend)
        jobs = self._jobs(inputs, shards, has_video)
        previous = PreviousShards(inputs.unit)
        records = {
            job.shard.shard: finished_shard(inputs.unit, job) or previous.reuse(job) for job in jobs
        }
        todo = [job for job in jobs if records[job.shard.shard] is None]
        require_disk(inputs.unit, expected_bytes((job.shard for job in todo), self.plan))
        rows = sum(shard.rows for shard in shards)
        self.progress.start(f"{inputs.unit.name} images", rows)
        try:
            for record in filter(None, records.values()):
                self.progress.advance(record.rows, record.image_bytes, len(record.rejects))
            for record in run_with_progress(pack, todo, self.workers, self.progress.advance):
                records[record.shard] = record
        finally:
            self.progress.finish()
        return [record for record in records.values() if record is not None], len(todo)

    def _jobs(self, inputs: _Inputs, shards: Sequence[ShardPlan], has_video: bool) -> list[PackJob]:
        unit = inputs.unit
        packing = self.packing(unit, inputs.fingerprint, has_video)
        sources = digest(msgspec.json.encode(inputs.fingerprint.files, order="sorted"))
        return [
            PackJob(
                spool=str(unit.spool),
                work=str(unit.work),
                shard=shard,
                packing=packing,
                sources=sources,
            )
            for shard in shards
        ]

    def _require_share(
        self,
        inputs: _Inputs,
        spool: ReadSpool,
        rows: int,
        reasons: Counter[str],
        more: Sequence[tuple[str, Reject]] = (),
    ) -> None:
        """Stop if too many examples were rejected, leaving the list of them behind."""
        unit = inputs.unit
        rejected = reject_share(spool.facts, rows, reasons)
        if not rejected.rejected or rejected.share <= self.plan.max_reject_share:
            return
        table = unit.state / REJECTS
        write_rejects(table, (unit.task.name, unit.split), chain(spool.rejects(), more))
        clear_spool(unit.work)  # missing files may exist the next time: look for them again
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        hint = unreadable_archives(inputs.catalogs)
        raise RejectShareError(
            f"{unit.name}: {rejected} ({float(rejected.share):.1%}, allowed "
            f"{self.plan.max_reject_share:.1%}): {why}. {hint}"
            f"They are listed in {table}; to accept this, add --max-reject-share 1"
        )


def _report(manifest: Manifest, status: Literal["built", "up to date"], packed: int = 0) -> Report:
    return Report(
        task=manifest.task,
        split=manifest.split,
        status=status,
        rows=manifest.instances,
        shards=len(manifest.shards) * len(manifest.formats),
        bytes=manifest.shard_bytes,
        packed=packed,
        rejects=dict(manifest.rejects),
    )
