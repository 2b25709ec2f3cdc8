"""Build one unit of a sibling: a set with the rows of another in other words, and its images.

A sibling is made from the index of its base, a finished unit in the same output folder, by a
transformation. No source file is read, and no image unless the sibling embeds them. Its shards
are cut where those of its base are cut, and have the same numbers.
"""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from m3it_builder.build.commit import (
    Outcome,
    UnitFacts,
    commit,
    refresh_build_readme,
    refresh_task_readmes,
)
from m3it_builder.build.drop_list import dropped_digest, listed
from m3it_builder.build.fingerprint import (
    BuiltFrom,
    read_built_from,
    sibling_fingerprint,
    write_built_from,
)
from m3it_builder.build.freshness import finished, missing_files, require_same_encoding
from m3it_builder.build.ownership import require_free, require_own_folder
from m3it_builder.build.plan import Plan
from m3it_builder.build.reject_share import errors_only
from m3it_builder.build.report import Report, report_of
from m3it_builder.build.shard_record import ShardRecord, read_record
from m3it_builder.build.shard_writer import ShardTarget
from m3it_builder.build.sibling_inputs import (
    Sibling,
    SiblingInputs,
    expected_sibling_bytes,
    last_taken,
    require_sibling_folder,
    sibling_choices,
)
from m3it_builder.build.sibling_shard import SiblingShardJob, write_sibling_shard
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.base import BaseUnit, find_base, manifest_digest
from m3it_builder.dataset.manifest import SiblingOf
from m3it_builder.errors import BaseError, EmptyUnitError, RejectShareError, first_few
from m3it_builder.executors.local import run_with_progress
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import Reject, Split
from m3it_builder.shards.formats import FORMATS


@dataclass(frozen=True, slots=True, kw_only=True)
class SiblingBuild:
    """A build of siblings: folder, plan and options, for any number of units."""

    out: Path
    plan: Plan
    workers: int = 1
    replace: bool = False
    plan_only: bool = False
    base_command: str = ""  # builds an absent base; for messages
    progress: Progress = field(default_factory=Silent)

    def unit(self, sibling: Sibling, split: Split) -> Report:
        """Build one unit, or leave an up-to-date one unchanged.

        Raises:
            BaseError: the base is not built, or was replaced meanwhile.
            BuildError: the unit is stale and ``replace`` is off, another process is building
                it, or the folder has files that no build wrote.
            RejectShareError: too many rows of the base were rejected.
            EmptyUnitError: no row is left.
        """
        if self.plan_only:
            return self._planned(self._inputs(sibling, split))
        report = self.build(sibling, split)
        refresh_build_readme(self.out)
        return report

    def build(self, sibling: Sibling, split: Split) -> Report:
        """Build one unit, or leave it, as ``unit`` does; the README of the folder stays as it is.

        Raises:
            M3ITError: as ``unit``.
        """
        inputs = self._inputs(sibling, split)
        with inputs.unit.locked():
            return self._up_to_date(inputs) or self._write(inputs)

    def up_to_date(self, sibling: Sibling, split: Split) -> Report | None:
        """Return the report of a unit that is up to date, or None if ``unit`` would build it."""
        inputs = self._inputs(sibling, split)
        with inputs.unit.locked():
            return self._up_to_date(inputs)

    def begin(self, sibling: Sibling, split: Split, max_shards: int) -> Report | None:
        """Build a unit of at most some shards; leave a larger one, which ``complete`` builds.

        Raises:
            M3ITError: as ``unit``.
        """
        inputs = self._inputs(sibling, split)
        with inputs.unit.locked():
            if report := self._up_to_date(inputs):
                return report
            is_small = len(inputs.base.manifest.shards) <= max_shards
            return self._write(inputs) if is_small else None

    def complete(self, sibling: Sibling, split: Split) -> Report:
        """Build a unit that ``begin`` left, whatever ``replace`` is.

        Raises:
            M3ITError: as ``unit``.
        """
        inputs = self._inputs(sibling, split)
        with inputs.unit.locked():
            return self._write(inputs)

    def _inputs(self, sibling: Sibling, split: Split) -> SiblingInputs:
        unit = Unit(sibling.name, split, self.out)
        base = self._base(sibling, split)
        require_own_folder(unit)
        require_sibling_folder(unit)
        card = sibling.transformation.card(base.manifest)
        choices = sibling_choices(base, self.plan)
        require_same_encoding(unit, choices.images)
        code = sibling.transformation.fingerprint()
        dropped = ", ".join(
            dropped_digest(self.plan.drop, (name, split)) for name in (sibling.base, sibling.name)
        ).strip(", ")
        print_ = sibling_fingerprint(base.digest, code, choices, dropped)
        return SiblingInputs(sibling, unit, base, card, choices, print_)

    def _base(self, sibling: Sibling, split: Split) -> BaseUnit:
        """Return the base, which must be whole.

        Raises:
            BaseError: it is not.
        """
        name = f"{sibling.name}/{split}"
        try:
            base = find_base(self.out, sibling.base, split)
        except BaseError as error:
            hint = f"; build it first: `{self.base_command}`" if self.base_command else ""
            raise BaseError(f"{name} is made from {sibling.base}, and {error}{hint}") from error
        if missing := missing_files(base.folder, base.manifest):
            raise BaseError(
                f"{name}: files of its base {sibling.base}/{split} are missing or have another "
                f"size: {first_few(missing)}. Rebuild that with --replace"
            )
        return base

    def _up_to_date(self, inputs: SiblingInputs) -> Report | None:
        if self.replace:
            return None
        if not (done := finished(inputs.unit, inputs.fingerprint, {}, self.out)):
            return None
        refresh_task_readmes(inputs.unit, only_if_stale=True)
        return report_of(done, "up to date")

    def _planned(self, inputs: SiblingInputs) -> Report:
        instances = inputs.base.manifest.instances
        rows = min(instances, self.plan.limit or instances)
        return Report(
            task=inputs.unit.task,
            split=inputs.unit.split,
            status="planned",
            rows=rows,
            shards=len(inputs.base.manifest.shards) * len(inputs.choices.formats),
            bytes=expected_sibling_bytes(inputs, rows),
        )

    def _write(self, inputs: SiblingInputs) -> Report:
        """Write the shards that an interrupted run has not, and commit the unit."""
        unit = inputs.unit
        self._start(inputs)
        jobs = self._jobs(inputs)
        numbers = [job.target.shard for job in jobs]
        formats = [FORMATS[name] for name in inputs.choices.formats]
        require_free(unit, [one.path(unit.split, number) for number in numbers for one in formats])
        found = ((number, read_record(unit, number)) for number in numbers)
        records = {n: record for n, record in found if record and record.key == inputs.key}
        todo = [job for job in jobs if job.target.shard not in records]
        self.progress.start(f"{unit.name} rows", inputs.base.manifest.instances)
        try:
            for record in records.values():
                self.progress.advance(record.rows, 0, len(record.rejects))
            for record in run_with_progress(
                write_sibling_shard, todo, self.workers, self.progress.advance
            ):
                records[record.shard] = record
        finally:
            self.progress.finish()
        self._require_base(inputs)
        packed = sum(records[job.target.shard].rows > 0 for job in todo)
        return self._commit(inputs, [records[number] for number in numbers], packed)

    def _start(self, inputs: SiblingInputs) -> None:
        """Prepare the work folder; what an interrupted run wrote from other inputs is deleted."""
        unit = inputs.unit
        built_from = BuiltFrom(fingerprint=inputs.fingerprint, annotations={}, sources="")
        if read_built_from(unit.work) != built_from:
            shutil.rmtree(unit.work, ignore_errors=True)
            write_built_from(unit.work, built_from)

    def _jobs(self, inputs: SiblingInputs) -> list[SiblingShardJob]:
        unit, base, choices = inputs.unit, inputs.base, inputs.choices
        last = last_taken(base, self.plan.limit)
        of_base = listed(self.plan.drop, (base.manifest.task, unit.split))
        dropped = {**of_base, **listed(self.plan.drop, (unit.task, unit.split))}
        return [
            SiblingShardJob(
                task=unit.task,
                split=unit.split,
                base_folder=str(base.folder),
                base=base.manifest,
                transformation=inputs.sibling.transformation,
                last=last,
                dropped=dropped,
                checks=choices.checks,
                target=ShardTarget(
                    work=str(unit.work),
                    split=unit.split,
                    shard=shard.shard,
                    formats=choices.formats,
                    images=choices.images,
                ),
                key=inputs.key,
            )
            for shard in base.manifest.shards
        ]

    def _require_base(self, inputs: SiblingInputs) -> None:
        """Require that the base is the one from which the shards were made.

        Raises:
            BaseError: it was replaced, or deleted; the shards are discarded.
        """
        base, unit = inputs.base, inputs.unit
        if manifest_digest(base.folder / "meta" / unit.split) != base.digest:
            shutil.rmtree(unit.work)
            raise BaseError(
                f"{base.folder}: {base.manifest.name} was rebuilt or removed while {unit.name} was "
                "made from it; repeat the command when nothing writes to it"
            )

    def _commit(self, inputs: SiblingInputs, records: list[ShardRecord], packed: int) -> Report:
        unit, base = inputs.unit, inputs.base
        rejects = list(inputs.sibling.rejects)
        rejects += [(_stage(reject), reject) for record in records for reject in record.rejects]
        reasons = Counter(reject.reason for _, reject in rejects)
        self._require_rows(inputs, records, reasons)
        kept = [record for record in records if record.rows]
        made_from = base.manifest
        sibling = SiblingOf(
            base=made_from.task,
            manifest=base.digest,
            transformation=inputs.sibling.transformation.name,
            formats=made_from.formats,
            images=made_from.plan.images,
            rows=made_from.instances,
        )
        facts = UnitFacts(
            card=inputs.card,
            style=base.manifest.style,
            options=base.manifest.options,
            sources={},
            sibling=sibling,
        )
        outcome = Outcome(kept, rejects, reasons)
        manifest = commit(unit, inputs.fingerprint, inputs.choices, facts, outcome)
        report = report_of(manifest, "built", packed * len(manifest.formats))
        own = listed(self.plan.drop, (unit.task, unit.split))
        return replace(report, unmatched=len(own) - sum(one.id in own for _, one in rejects))

    def _require_rows(
        self, inputs: SiblingInputs, records: list[ShardRecord], reasons: Counter[str]
    ) -> None:
        rows = sum(record.rows for record in records)
        errors = errors_only(reasons).total()
        counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
        if errors and errors / (rows + errors) > self.plan.max_reject_share:
            raise RejectShareError(
                f"{inputs.unit.name}: {errors:,} of {rows + errors:,} rows were rejected "
                f"({errors / (rows + errors):.1%}, allowed {self.plan.max_reject_share:.1%}): "
                f"{counts}; to accept them, add --max-reject-share 1"
            )
        if not rows and inputs.base.manifest.instances:
            raise EmptyUnitError(f"{inputs.unit.name}: no row is left: {counts}", reasons)


def _stage(reject: Reject) -> str:
    return "drop" if reject.reason == "dropped" else "check"
