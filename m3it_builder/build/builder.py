"""Build one unit: phase A writes the spool, phase B the shards; the manifest comes last.

Unfinished work is under ``.m3it/`` and can be resumed; only complete shards are moved into
place. See ``docs/decisions/0002-work-folder.md``.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from m3it_builder.build.commit import (
    Outcome,
    commit,
    facts_of,
    refresh_build_readme,
    refresh_task_readmes,
)
from m3it_builder.build.drop_list import listed
from m3it_builder.build.fingerprint import (
    BuiltFrom,
    Fingerprint,
    annotation_states,
    clear_spool,
    fingerprint,
    resolved_name,
    write_built_from,
)
from m3it_builder.build.freshness import can_resume, finished, require_same_encoding
from m3it_builder.build.image_phase import ImagePhase
from m3it_builder.build.ownership import require_apart, require_own_folder
from m3it_builder.build.plan import Plan
from m3it_builder.build.preflight import (
    expected_bytes,
    require_sources,
)
from m3it_builder.build.report import Report, report_of
from m3it_builder.build.require_rows import Allowed, UnitRows, require_rows
from m3it_builder.build.source_state import require_unchanged
from m3it_builder.build.spool import Spool
from m3it_builder.build.spool_reader import CorruptSpoolError, Facts, ReadSpool
from m3it_builder.build.text_phase import fill_spool
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.manifest import Manifest, read_manifest_or_none
from m3it_builder.errors import SourceChangedError
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.storage.atomic import atomic_path, without_leftovers
from m3it_builder.tasks.opening import catalogs_of, open_source
from m3it_builder.tasks.registry import Task


@dataclass(frozen=True, slots=True)
class _Inputs:
    """A unit with its opened catalogs and its fingerprint."""

    task: Task
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
                building it, the disk is too small, or the folder has files that no build wrote.
            RejectShareError: too many examples were rejected.
            EmptyUnitError: no row is left.
        """
        if self.plan_only:
            inputs = self._inputs(task, split)
            with inputs.unit.locked():
                return self._plan(inputs)
        report = self.build(task, split)
        refresh_build_readme(self.out)
        return report

    def build(self, task: Task, split: Split) -> Report:
        """Build one unit, or leave it, as ``unit`` does; the README of the folder stays as it is.

        Call ``refresh_build_readme`` after the last unit.

        Raises:
            M3ITError: as ``unit``.
        """
        inputs = self._inputs(task, split)
        with inputs.unit.locked():
            if report := self._up_to_date(inputs):
                return report
            self._require_spool(inputs, resume=not self.replace)
            return self._pack(inputs)

    def up_to_date(self, task: Task, split: Split) -> Report | None:
        """Return the report of a unit that is up to date, or None if ``unit`` would build it.

        Raises:
            M3ITError: as ``unit``, without reading any annotation file.
        """
        inputs = self._inputs(task, split)
        with inputs.unit.locked():
            return self._up_to_date(inputs)

    def begin(self, task: Task, split: Split, max_shards: int) -> Report | None:
        """Build a unit of at most some shards; of a larger one, run the text phase only.

        Return None for a larger one; ``complete`` packs it.

        Raises:
            M3ITError: as ``unit``.
        """
        inputs = self._inputs(task, split)
        with inputs.unit.locked():
            if report := self._up_to_date(inputs):
                return report
            self._require_spool(inputs, resume=not self.replace)
            return self._pack(inputs) if self._shards(inputs) <= max_shards else None

    def complete(self, task: Task, split: Split) -> Report:
        """Build a unit that ``begin`` left with its text phase done, whatever ``replace`` is.

        Raises:
            M3ITError: as ``unit``.
        """
        inputs = self._inputs(task, split)
        with inputs.unit.locked():
            self._require_spool(inputs, resume=True)
            return self._pack(inputs)

    def _inputs(self, task: Task, split: Split) -> _Inputs:
        """Open the catalogs of a unit, and require that it can be built."""
        unit = Unit(task.name, split, self.out)
        catalogs = catalogs_of(task, split, self.sources)
        require_sources(task, split, catalogs, self.sources)
        require_apart(unit, catalogs)
        require_own_folder(unit)
        require_same_encoding(unit, self.plan.images)
        return _Inputs(task, unit, catalogs, fingerprint(task, split, self.plan, catalogs))

    def _up_to_date(self, inputs: _Inputs) -> Report | None:
        if self.replace or not (done := self._finished(inputs)):
            return None
        refresh_task_readmes(inputs.unit, only_if_stale=True)
        return report_of(done, "up to date")

    def _require_spool(self, inputs: _Inputs, resume: bool) -> None:
        """Fill the spool of a unit, unless an earlier run has and it may be resumed."""
        if not resume or not self._can_resume(inputs):
            clear_spool(inputs.unit.work)
            self._text_phase(inputs, inputs.unit.spool)

    def _shards(self, inputs: _Inputs) -> int:
        """Return the number of shards of a complete spool; 0 if it is corrupt."""
        try:
            with closing(ReadSpool(inputs.unit.spool)) as spool:
                return len(spool.shards())
        except CorruptSpoolError:
            return 0  # ``_pack`` fills it again

    def _pack(self, inputs: _Inputs) -> Report:
        """Run the image phase; a corrupt spool is discarded and filled again, once."""
        work = inputs.unit.work
        try:
            return self._image_phase(inputs)
        except SourceChangedError:
            clear_spool(work)  # its locations of images are outdated
            raise
        except CorruptSpoolError as error:
            self.progress.note(f"{error}; filling it again")
        clear_spool(work)
        self._text_phase(inputs, inputs.unit.spool)
        return self._image_phase(inputs)

    def _finished(self, inputs: _Inputs) -> Manifest | None:
        return finished(inputs.unit, inputs.fingerprint, inputs.catalogs, self.sources)

    def _can_resume(self, inputs: _Inputs) -> bool:
        try:
            return can_resume(inputs.unit, inputs.fingerprint, inputs.catalogs, self.sources)
        except CorruptSpoolError as error:
            self.progress.note(f"{error}; filling it again")
            return False

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
            task=unit.task,
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
        source = open_source(inputs.task, unit.split, self.sources, inputs.catalogs)
        dropped = listed(self.plan.drop, (unit.task, unit.split))
        with without_leftovers(target), atomic_path(target, fsync=True) as partial:
            spool = Spool(partial, (unit.task, unit.split), self.plan.seed, dropped)
            try:
                fill_spool(spool, inputs.task, source, self.plan, self.progress)
            except BaseException:
                spool.discard()
                raise
            for catalog in inputs.catalogs.values():
                catalog.refresh()
            built_from = BuiltFrom(
                fingerprint=inputs.fingerprint,
                annotations=annotation_states(inputs.catalogs, source.names_read),
                sources=resolved_name(self.sources),
            )
            write_built_from(target.parent, built_from)

    def _image_phase(self, inputs: _Inputs) -> Report:
        """Pack the shards of a complete spool, and commit the unit."""
        unit = inputs.unit
        spool = ReadSpool(unit.spool)
        try:
            shards, reasons = spool.shards(), spool.reasons()
            found = UnitRows(sum(shard.rows for shard in shards), reasons)
            self._require_rows(inputs, spool, found)
            phase = ImagePhase(inputs.task, unit, self.plan, inputs.fingerprint)
            has_video = spool.facts.has_video
            records, packed = phase.pack(shards, has_video, self.workers, self.progress)
            rejects = [("pack", reject) for record in records for reject in record.rejects]
            reasons.update(reject.reason for _, reject in rejects)
            rows = sum(record.rows for record in records)
            found = UnitRows(rows, reasons, rejects)
            self._require_rows(inputs, spool, found)
            self._require_unchanged(inputs, spool.facts)
            outcome = Outcome(records, chain(spool.rejects(), rejects), reasons)
            facts = facts_of(inputs.task, unit.split, inputs.fingerprint)
            choices = inputs.fingerprint.plan
            manifest = commit(unit, inputs.fingerprint, choices, facts, outcome)
            report = report_of(manifest, "built", packed * len(self.plan.formats))
            notes = [note for one in inputs.catalogs.values() for note in one.duplicate_members()]
            return replace(report, unmatched=spool.facts.unmatched, notes=tuple(notes))
        finally:
            spool.close()

    def _require_rows(self, inputs: _Inputs, spool: ReadSpool, found: UnitRows) -> None:
        unit = inputs.unit
        withheld = inputs.task.card.splits[unit.split].answers == "withheld"
        allowed = Allowed(self.plan.max_reject_share, withheld)
        require_rows(unit, spool, allowed, found, inputs.catalogs)

    def _require_unchanged(self, inputs: _Inputs, facts: Facts) -> None:
        try:
            require_unchanged(inputs.unit, inputs.fingerprint, inputs.catalogs, facts)
        except SourceChangedError:
            # Shards may have been packed before and after the change.
            shutil.rmtree(inputs.unit.work)
            raise
