"""Build one unit: phase A into the spool, phase B into shards, the manifest last.

Unfinished work lies under ``.m3it/`` and can be resumed; a finished unit is
moved into place at once. See ``docs/decisions/0002-work-folder.md``.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import orjson

from m3it_builder.build.assemble import Packing
from m3it_builder.build.commit import Outcome, finish, refresh_readmes
from m3it_builder.build.drop_list import listed
from m3it_builder.build.fingerprint import digest, fingerprint, text_stamps
from m3it_builder.build.freshness import can_resume, finished, require_alike
from m3it_builder.build.pack import PackJob, ShardDone, pack, read_done
from m3it_builder.build.plan import Plan
from m3it_builder.build.preflight import (
    expected_bytes,
    require_disk,
    require_sources,
    unread_archives,
)
from m3it_builder.build.reuse import PreviousShards
from m3it_builder.build.spool import NOT_CHOSEN, Arrangement, ReadSpool, ShardPlan, Spool
from m3it_builder.build.text_phase import _row, instances
from m3it_builder.build.unit import Unit, write_stamp
from m3it_builder.dataset.index import write_rejects
from m3it_builder.dataset.manifest import Manifest, read_manifest_or_none
from m3it_builder.errors import RejectShareError
from m3it_builder.executors.local import run
from m3it_builder.media.video.extract import VideoPlan, decoder_version, require_backend
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import Reject, Split
from m3it_builder.sources.source import Source
from m3it_builder.tasks.registry import Task

EXPECTED_REASONS = (*NOT_CHOSEN, "answer_withheld", "dropped")  # say nothing against the source
_REPORT_EVERY = 500  # rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of one unit."""

    task: str
    split: str
    status: Literal["built", "up to date", "planned"]
    rows: int
    shards: int  # files
    bytes: int  # of shards; where planned, expected
    packed: int = 0  # of these, in this very run; the others were there already
    rejects: dict[str, int] = field(default_factory=dict)  # by reason
    unmatched: int = 0  # ids that were to be dropped, and that no row had


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
        require_alike(unit, self.plan.images)
        parts = fingerprint(task, split, self.plan, self.sources)
        with unit.locked():
            if self.plan_only:
                return self._plan(unit, parts)
            if not self.replace and (done := finished(unit, parts, self.sources)):
                refresh_readmes(unit, only_if_stale=True)
                return _report(done, "up to date")
            if self.replace or not can_resume(unit, parts, self.sources):
                unit.clear_spool()
                self._phase_a(unit, parts, unit.spool)
            return self._phase_b(unit, parts)

    def _plan(self, unit: Unit, parts: dict[str, Any]) -> Report:
        """Run phase A alone; its spool serves a later build unless other work is in the way."""
        resumed = can_resume(unit, parts, self.sources)
        busy = unit.work.exists() or read_manifest_or_none(unit.meta) is not None
        spool = unit.spool if resumed or not busy else unit.state / "plan" / "spool.sqlite"
        try:
            if not resumed:
                self._phase_a(unit, parts, spool)
            reader = ReadSpool(spool)
            shards, reasons = reader.shards(), reader.reasons()
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
        )

    def _phase_a(self, unit: Unit, parts: dict[str, Any], target: Path) -> None:
        """Fill a spool: convert, locate, instruct, check; then choose, order and cut."""
        target.parent.mkdir(parents=True, exist_ok=True)
        entry = unit.task.card.splits[unit.split]
        source = Source(unit.task, unit.split, self.sources)
        partial = target.with_suffix(".partial")
        dropped = listed(self.plan.drop, (unit.task.name, unit.split))
        spool = Spool(partial, f"{self.plan.seed}/{unit.name}", dropped)
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
        root = str(self.sources.resolve())
        write_stamp(target.parent, {"parts": parts, "texts": texts, "root": root})
        partial.replace(target)

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

    def _phase_b(self, unit: Unit, parts: dict[str, Any]) -> Report:
        spool = ReadSpool(unit.spool)
        try:
            shards, reasons = spool.shards(), spool.reasons()
            self._check_share(unit, spool, sum(shard.rows for shard in shards), reasons)
            done, packed = self._pack(unit, parts, shards, spool.has_video())
            image_rejects = [("pack", Reject(*item)) for one in done for item in one.rejects]
            reasons.update(item.reason for _, item in image_rejects)
            rows = sum(one.rows for one in done)
            self._check_share(unit, spool, rows, reasons, image_rejects)
            outcome = Outcome(done, chain(spool.rejects(), image_rejects), reasons)
            manifest = finish(unit, parts, self.plan, outcome)
            report = _report(manifest, "built", packed * len(self.plan.formats))
            return replace(report, unmatched=spool.unmatched())
        finally:
            spool.close()

    def _pack(
        self, unit: Unit, parts: dict[str, Any], shards: list[ShardPlan], has_video: bool
    ) -> tuple[list[ShardDone], int]:
        """Return the records of all shards in order, and how many were packed just now."""
        if has_video:
            require_backend(self.plan.file.video.backend)
        how, sources = self.packing(unit, parts, has_video), digest(orjson.dumps(parts["files"]))
        jobs = {
            shard.shard: PackJob(
                spool=str(unit.spool), work=str(unit.work), shard=shard, how=how, sources=sources
            )
            for shard in shards
        }
        earlier = PreviousShards(unit)
        found = {number: read_done(unit, job) or earlier.reuse(job) for number, job in jobs.items()}
        todo = [job for number, job in jobs.items() if found[number] is None]
        require_disk(unit, expected_bytes((job.shard for job in todo), self.plan))
        self.progress.start(f"{unit.name} images", sum(shard.rows for shard in shards))
        try:
            for record in found.values():
                if record is not None:
                    self.progress.advance(record.rows, record.image_bytes, len(record.rejects))
            for record in run(pack, todo, self.workers, self.progress.advance):
                found[record.shard] = record
        finally:
            self.progress.finish()
        return [record for record in found.values() if record is not None], len(todo)

    def packing(self, unit: Unit, parts: dict[str, Any], has_video: bool = False) -> Packing:
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
            video=VideoPlan(**file.video.model_dump()),
            code=digest(orjson.dumps([parts["packing"], parts["toolchain"], decoder])),
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
        met = rows + reasons.total()
        if not bad or bad <= self.plan.max_reject_share * met:
            return
        table = unit.state / "rejects.parquet"
        write_rejects(table, (unit.task.name, unit.split), chain(spool.rejects(), more))
        unit.clear_spool()  # what is missing may be there the next time; it is looked for again
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        hint = unread_archives(unit.task, unit.split, self.sources)
        raise RejectShareError(
            f"{unit.name}: {bad:,} of {met:,} examples were rejected "
            f"({bad / met:.1%}, allowed {self.plan.max_reject_share:.1%}): {why}. {hint}"
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
        rejects=manifest.rejects,
    )
