"""Build one unit: phase A writes the spool, phase B the shards; the manifest comes last.

Unfinished work is under ``.m3it/`` and can be resumed; only complete shards are moved into
place. See ``docs/decisions/0002-work-folder.md``.
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
from m3it_builder.build.reject_share import errors_only, reject_share
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
    shards: int  # files, in all formats
    bytes: int  # size of the shards; an estimate if the unit was only planned
    packed: int = 0  # files packed by this run; the others were reused
    rejects: dict[str, int] = field(default_factory=dict)  # by reason
    unmatched: int = 0  # ids in drop lists that matched no row


@dataclass(frozen=True, slots=True)
class _Inputs:
    """A unit with its opened catalogs and its fingerprint."""

    unit: Unit
    catalogs: dict[str, Catalog]
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build: folders, plan and options, for any number of units."""

    sources: Path
    out: Path
    plan: Plan
    workers: int = 1
    replace: bool = False
    plan_only: bool = False
    progress: Progress = field(default_factory=Silent)

    def unit(self, task: Task, split: Split) -> Report:
        """Build one unit, or leave an up-to-date one unchanged.

        Raises:
            SourceError: raw files are missing or corrupt.
            BuildError: the unit is stale and ``replace`` is off, another process is
                building it, or the disk is too small.
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
        """Return the packing options of a unit's shards."""
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
        """Run the text phase only; a later build may resume from its spool."""
        unit = inputs.unit
        resumed = self._can_resume(inputs)
        # A plan must not replace the unfinished work of a build with other options, nor leave
        # unfinished work beside a finished unit: then its spool is temporary.
        keep = not unit.work.exists() and read_manifest_or_none(unit.meta) is None
        spool = unit.spool if resumed or keep else unit.state / "plan" / unit.spool.name
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
        """Fill a spool, and save what it was built from."""
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
        """Return the records of all shards in order, and the number packed by this run."""
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
        pack_rejects: Sequence[tuple[str, Reject]] = (),
    ) -> None:
        """Require that not too many examples were rejected; if so, write the list of rejects."""
        unit = inputs.unit
        rejected = reject_share(spool.facts, rows, reasons)
        if not rejected.rejected or rejected.share <= self.plan.max_reject_share:
            return
        table = unit.state / REJECTS
        write_rejects(table, (unit.task.name, unit.split), chain(spool.rejects(), pack_rejects))
        clear_spool(unit.work)  # the next run looks for missing files again
        errors = errors_only(reasons).most_common()
        counts = ", ".join(f"{reason} {count:,}" for reason, count in errors)
        hint = unreadable_archives(inputs.catalogs)
        raise RejectShareError(
            f"{unit.name}: {rejected} ({rejected.share:.1%}, allowed "
            f"{self.plan.max_reject_share:.1%}): {counts}. {hint}"
            f"All rejects are listed in {table}; to accept them, add --max-reject-share 1"
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
