"""Several units side by side, each in a worker process.

Of a unit with many shards, workers run the text phase only: the image phases of such units follow
in order, each with all workers. The rows and shards of a unit do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from m3it_builder.build.builder import Build
from m3it_builder.build.commit import refresh_build_readme, withdraw_from_readme
from m3it_builder.build.report import Report
from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.build.siblings import SiblingBuild
from m3it_builder.cards.cards import OptionValue
from m3it_builder.errors import Failure, collect_failure
from m3it_builder.executors.local import ProgressCallback, run_with_progress
from m3it_builder.progress import Progress, Silent
from m3it_builder.progress import Unit as ProgressUnit
from m3it_builder.records import Split
from m3it_builder.tasks.registry import Task, load_task

_TEXT_BYTES = 1_500  # of a row without images, typically


@dataclass(frozen=True, slots=True)
class UnitBuild:
    """One unit to build: of a task, or of a sibling."""

    build: Build | SiblingBuild
    task: Task | Sibling
    split: Split

    @property
    def name(self) -> str:
        """Return the display name."""
        return f"{self.task.name}/{self.split}"

    @property
    def rows(self) -> int:
        """Return about how many rows it gets, to start with the largest units."""
        if isinstance(self.task, Sibling):
            return 0
        rows = self.task.card.splits[self.split].rows
        return min(rows, self.build.plan.limit or rows)

    def run(self, method: str, *arguments: int) -> Report | None:
        """Call ``unit``, ``build``, ``up_to_date``, ``begin`` or ``complete`` of the build."""
        report: Report | None = getattr(self.build, method)(self.task, self.split, *arguments)
        return report


@dataclass(frozen=True, slots=True)
class _TaskName:
    """A task as a worker gets it: its functions need not be picklable."""

    name: str
    options: Mapping[str, OptionValue]


@dataclass(frozen=True, slots=True)
class _Job:
    """One unit, as a worker gets it."""

    position: int
    build: Build | SiblingBuild
    task: _TaskName | Sibling
    split: Split
    max_shards: int


@dataclass(frozen=True, slots=True)
class _Result:
    """The result of a job: a report, a failure, or neither if the unit is to be completed."""

    position: int
    report: Report | None
    failures: list[Failure]


def build_units(
    units: Sequence[UnitBuild], workers: int, progress: Progress
) -> tuple[list[Report], list[Failure]]:
    """Build every unit, and continue after one that fails; siblings follow their bases.

    Args:
        units: in the order of the reports.
        workers: number of worker processes, for all units together.
        progress: receives the number of units done, where they are built side by side.
    """
    reports: dict[int, Report] = {}
    failures: dict[int, list[Failure]] = {position: [] for position in range(len(units))}
    withdrawn: list[int] = []
    try:
        for are_siblings in (False, True):
            positions = [
                position
                for position, unit in enumerate(units)
                if isinstance(unit.task, Sibling) == are_siblings
            ]
            todo = _stale(units, positions, reports, failures)
            if todo and not units[0].build.plan_only:
                withdrawn += todo
                _withdraw([units[position] for position in todo])
            _build_all(units, todo, workers, progress, (reports, failures))
    finally:
        built = [position for position, report in reports.items() if report.status != "planned"]
        for out in {units[position].build.out for position in (*built, *withdrawn)}:
            refresh_build_readme(out)
    ordered = [failure for position in sorted(failures) for failure in failures[position]]
    return [reports[position] for position in sorted(reports)], ordered


def _build_all(
    units: Sequence[UnitBuild],
    todo: Sequence[int],
    workers: int,
    progress: Progress,
    results: tuple[dict[int, Report], dict[int, list[Failure]]],
) -> None:
    """Build the units at some positions, side by side if there are several and workers."""
    reports, failures = results
    plan_only = any(unit.build.plan_only for unit in units)
    method = "unit" if plan_only else "build"
    if workers > 1 and len(todo) > 1:
        jobs = _jobs(units, todo, workers)
        todo = _side_by_side(jobs, workers, progress, reports, failures)
        method = "unit" if plan_only else "complete"
    for position in todo:
        unit = units[position]
        if plan_only and (planned := _planned_with_base(unit, reports.values())):
            reports[position] = planned
            continue
        with collect_failure(unit.name, failures[position]):
            if report := unit.run(method):
                reports[position] = report


def _planned_with_base(unit: UnitBuild, reports: Iterable[Report]) -> Report | None:
    """Return the plan of a sibling whose base is planned by the same command; None otherwise."""
    if not isinstance(unit.task, Sibling):
        return None
    for base in reports:
        if (base.task, base.split, base.status) == (unit.task.base, unit.split, "planned"):
            rows = min(base.rows, unit.build.plan.limit or base.rows)
            size = rows * _TEXT_BYTES * len(unit.build.plan.formats)
            return replace(base, task=unit.task.name, rows=rows, bytes=size, rejects={})
    return None


def _withdraw(units: Sequence[UnitBuild]) -> None:
    """Write READMEs without the units that are about to be replaced, once for all of them."""
    for out in {unit.build.out for unit in units}:
        own = {(unit.task.name, unit.split) for unit in units if unit.build.out == out}
        withdraw_from_readme(out, own)


def _stale(
    units: Sequence[UnitBuild],
    positions: Sequence[int],
    reports: dict[int, Report],
    failures: dict[int, list[Failure]],
) -> list[int]:
    """Return the positions of the units to build; nothing is started if there are none."""
    todo = []
    for position in positions:
        unit = units[position]
        if unit.build.plan_only:
            todo.append(position)
            continue
        with collect_failure(unit.name, failures[position]):
            if report := unit.run("up_to_date"):
                reports[position] = report
            else:
                todo.append(position)
    return todo


def _side_by_side(
    jobs: Sequence[_Job],
    workers: int,
    progress: Progress,
    reports: dict[int, Report],
    failures: dict[int, list[Failure]],
) -> list[int]:
    """Build units in worker processes; return the positions of those to be completed."""
    left = []
    progress.start(f"{len(jobs)} units", len(jobs), "units")
    try:
        for result in run_with_progress(_run, jobs, workers, _dispatch(progress)):
            progress.advance(1)
            failures[result.position] += result.failures
            if result.report:
                reports[result.position] = result.report
            elif not result.failures:
                left.append(result.position)
    finally:
        progress.finish()
    return sorted(left)


def _jobs(units: Sequence[UnitBuild], todo: Sequence[int], workers: int) -> list[_Job]:
    # The largest first, so that none of them is left over at the end.
    ordered = sorted(todo, key=lambda position: -units[position].rows)
    return [_job(position, units[position], workers) for position in ordered]


def _job(position: int, unit: UnitBuild, workers: int) -> _Job:
    build = replace(unit.build, workers=1, progress=Silent())
    # Fewer shards than workers would leave some of them idle.
    task = unit.task
    named = task if isinstance(task, Sibling) else _TaskName(task.name, task.options)
    return _Job(position, build, named, unit.split, workers - 1)


def _run(job: _Job, report_progress: ProgressCallback) -> _Result:
    """Build one unit; runs in a worker process."""
    task: Task | Sibling
    if isinstance(job.task, _TaskName):
        task = load_task(job.task.name).with_values(job.task.options)
    else:
        task = job.task
    build = replace(job.build, progress=_Forwarded(report_progress))
    failures: list[Failure] = []
    report = None
    unit = UnitBuild(build, task, job.split)
    with collect_failure(unit.name, failures):
        report = unit.run("unit") if build.plan_only else unit.run("begin", job.max_shards)
    return _Result(job.position, report, failures)


def _dispatch(progress: Progress) -> ProgressCallback:
    """Return the receiver of what ``_Forwarded`` sends."""

    def receive(kind: str, *content: Any) -> None:
        if kind == "note":
            progress.note(*content)
        else:
            progress.advance(0, *content)

    return receive


@dataclass(frozen=True, slots=True)
class _Forwarded:
    """The progress of one unit among others: bytes, rejects and notes, but no rows."""

    send: ProgressCallback

    def start(self, title: str, total: int | None, unit: ProgressUnit = "rows") -> None:
        """Do nothing."""

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:  # noqa: ARG002
        """Send bytes written and rows rejected."""
        if size or rejects:
            self.send("advance", size, rejects)

    def finish(self) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Send a message."""
        self.send("note", message)
