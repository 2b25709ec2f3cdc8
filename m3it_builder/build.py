"""Build one unit: phase A into the spool, phase B into shards, the manifest last.

Unfinished work lies under ``.m3it/`` and can be resumed; a finished unit is
moved into place at once. See ``docs/decisions/0002-work-folder.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Literal

from m3it_builder.errors import BuildError, RejectShareError
from m3it_builder.fingerprint import changes, fingerprint, text_stamps
from m3it_builder.finish import Outcome, finish
from m3it_builder.pack import PackJob, ShardDone, read_done
from m3it_builder.pipeline import Plan, instances
from m3it_builder.pool import run_jobs
from m3it_builder.preflight import expected_bytes, require_disk, require_sources
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import Instance, Reject, Split
from m3it_builder.shards.index import write_rejects
from m3it_builder.shards.manifest import Manifest, read_manifest
from m3it_builder.source import Source
from m3it_builder.spool import NOT_CHOSEN, Arrangement, ReadSpool, ShardPlan, Spool
from m3it_builder.tasks import Task
from m3it_builder.unit import Unit, read_stamp, write_stamp
from m3it_builder.video.extract import VideoPlan, require_backend
from m3it_builder.wire import Row

EXPECTED_REASONS = (*NOT_CHOSEN, "answer_withheld")  # say nothing against the source
_REPORT_EVERY = 500  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of one unit."""

    task: str
    split: str
    status: Literal["built", "up to date", "planned"]
    rows: int
    shards: int
    bytes: int  # of shards; where planned, expected
    rejects: dict[str, int] = field(default_factory=dict)  # by reason


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
        """Build one unit whole, or leave what is there as it is.

        Raises:
            SourceError: raw files are missing or damaged.
            BuildError: the unit exists and was made from something else, or the
                machine refuses (disk full, permission).
            RejectShareError: too many examples were rejected.
        """
        unit = Unit(task, split, self.out)
        require_sources(task, split, self.sources)
        parts = fingerprint(task, split, self.plan, self.sources)
        with unit.locked():
            done = self._finished(unit, parts)
            if done is not None and not self.plan_only:
                return _report(done, "up to date")
            self._phase_a(unit, parts)
            return self._phase_b(unit, parts)

    def _finished(self, unit: Unit, parts: dict[str, object]) -> Manifest | None:
        manifest = read_manifest(unit.meta)
        if manifest is None:
            return None
        stamp = read_stamp(unit.state)
        old = dict(stamp.get("parts", {}))
        texts = stamp.get("texts", {})
        new = dict(parts)
        if stamp:
            old["texts"] = texts
            new["texts"] = text_stamps(unit.task, unit.split, self.sources, list(texts))
        different = changes(old, new) if stamp else ["unknown: its local state is gone"]
        if not different:
            return manifest
        if self.replace or self.plan_only:
            return None
        raise BuildError(
            f"{unit.folder} already holds {unit.name}, made from something else; changed: "
            f"{'; '.join(different)}. Build it anew with --replace, or choose another --out"
        )

    def _can_resume(self, unit: Unit, parts: dict[str, object]) -> bool:
        stamp = read_stamp(unit.work)
        texts = stamp.get("texts", {})
        return (
            unit.spool.exists()
            and stamp.get("parts") == parts
            and texts == text_stamps(unit.task, unit.split, self.sources, list(texts))
        )

    def _phase_a(self, unit: Unit, parts: dict[str, object]) -> None:
        """Fill the spool, unless a complete one made from the same parts is there."""
        if self._can_resume(unit, parts):
            return
        unit.clear_work()
        entry = unit.task.card.splits[unit.split]
        source = Source(unit.task, unit.split, self.sources)
        partial = unit.work / "spool.partial"
        spool = Spool(partial, f"{self.plan.seed}/{unit.name}")
        self.progress.start(f"{unit.name} text", entry.rows or None)
        try:
            self._fill(spool, unit, source)
        except BaseException:
            spool.discard()
            raise
        finally:
            self.progress.finish()
        published = entry.rows if entry.sample and self.plan.file.rows == "published" else None
        spool.arrange(
            Arrangement(
                order=self.plan.file.order.get(unit.split, "source"),
                sample=published,
                limit=self.plan.limit,
                shard_bytes=self.plan.file.output.shard_mb * 1e6,
            )
        )
        texts = text_stamps(unit.task, unit.split, self.sources, list(source.texts))
        write_stamp(unit.work, {"parts": parts, "texts": texts})
        partial.replace(unit.spool)

    def _fill(self, spool: Spool, unit: Unit, source: Source) -> None:
        counts: Counter[str] = Counter()

        def reject(stage: str, item: Reject) -> None:
            counts["rejects"] += 1
            spool.reject(stage, item)

        for instance in instances(unit.task, source, self.plan, reject):
            spool.add(_row(instance, unit.task))
            counts["rows"] += 1
            if counts["rows"] % _REPORT_EVERY == 0:
                self.progress.advance(_REPORT_EVERY, rejects=counts.pop("rejects", 0))
        self.progress.advance(counts["rows"] % _REPORT_EVERY, rejects=counts["rejects"])

    def _phase_b(self, unit: Unit, parts: dict[str, object]) -> Report:
        spool = ReadSpool(unit.spool)
        try:
            shards, reasons = spool.shards(), spool.reasons()
            if self.plan_only:
                return _planned(unit, shards, reasons, self.plan)
            self._check_share(unit, spool, sum(shard.rows for shard in shards), reasons)
            done = self._pack(unit, shards, spool.has_video())
            picture_rejects = [("pack", Reject(*item)) for one in done for item in one.rejects]
            reasons.update(item.reason for _, item in picture_rejects)
            rows = sum(one.rows for one in done)
            self._check_share(unit, spool, rows, reasons, picture_rejects)
            outcome = Outcome(done, chain(spool.rejects(), picture_rejects), reasons)
            return _report(finish(unit, parts, self.plan, outcome), "built")
        finally:
            spool.close()

    def _pack(self, unit: Unit, shards: list[ShardPlan], has_video: bool) -> list[ShardDone]:
        found = {shard.shard: read_done(unit, shard, self.plan.formats) for shard in shards}
        todo = [shard for shard in shards if found[shard.shard] is None]
        require_disk(unit, expected_bytes(todo, self.plan))
        if has_video and todo:
            require_backend(self.plan.file.video.backend)
        self.progress.start(f"{unit.name} pictures", sum(shard.rows for shard in shards))
        try:
            for record in found.values():
                if record is not None:
                    self.progress.advance(record.rows, record.picture_bytes, len(record.rejects))
            jobs = [self._job(unit, shard) for shard in todo]
            for record in run_jobs(jobs, self.workers, self.progress.advance):
                found[record.shard] = record
        finally:
            self.progress.finish()
        return [record for record in found.values() if record is not None]

    def _job(self, unit: Unit, shard: ShardPlan) -> PackJob:
        return PackJob(
            task=unit.task.name,
            split=unit.split,
            spool=str(unit.spool),
            work=str(unit.work),
            shard=shard,
            formats=tuple(sorted(self.plan.formats)),
            images=self.plan.images,
            decode=self.plan.file.decode,
            max_pixels=self.plan.file.max_pixels,
            max_bytes=int(self.plan.file.max_picture_mb * 1e6),
            frame=unit.task.card.frame,
            draws=unit.task.card.render.regions == "drawn",
            video=VideoPlan(**self.plan.file.video.model_dump()),
        )

    def _check_share(
        self,
        unit: Unit,
        spool: ReadSpool,
        rows: int,
        reasons: Counter[str],
        more: Sequence[tuple[str, Reject]] = (),
    ) -> None:
        """Stop where too many examples were rejected, leaving the list of them behind."""
        bad = sum(count for reason, count in reasons.items() if reason not in EXPECTED_REASONS)
        if not bad or bad <= self.plan.max_reject_share * (bad + rows):
            return
        table = unit.work / "rejects.parquet"
        write_rejects(table, (unit.task.name, unit.split), chain(spool.rejects(), more))
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        raise RejectShareError(
            f"{unit.name}: {bad:,} of {bad + rows:,} examples were rejected "
            f"({bad / (bad + rows):.1%}, allowed {self.plan.max_reject_share:.1%}): {why}. "
            f"They are listed in {table}; to accept this, add --max-reject-share 1"
        )


def _row(instance: Instance, task: Task) -> Row:
    record = instance.record
    return Row(
        instruction=instance.instruction,
        inputs=instance.inputs,
        outputs=instance.outputs,
        lang=instance.lang,
        license=record.license or task.card.license,
        image_license=record.image_license or task.card.image_license,
        record=record,
    )


def _planned(unit: Unit, shards: list[ShardPlan], reasons: Counter[str], plan: Plan) -> Report:
    return Report(
        task=unit.task.name,
        split=unit.split,
        status="planned",
        rows=sum(shard.rows for shard in shards),
        shards=len(shards) * len(plan.formats),
        bytes=expected_bytes(shards, plan),
        rejects=dict(reasons.most_common()),
    )


def _report(manifest: Manifest, status: Literal["built", "up to date"]) -> Report:
    return Report(
        task=manifest.task,
        split=manifest.split,
        status=status,
        rows=manifest.instances,
        shards=len(manifest.shards) * len(manifest.formats),
        bytes=manifest.shard_bytes,
        rejects=manifest.rejects,
    )
