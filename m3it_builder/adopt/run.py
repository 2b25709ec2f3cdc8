"""Adopt a download task by task: scan, build, report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from m3it_builder.adopt.decompress import decompress, decompressed_name
from m3it_builder.adopt.layout import Layout, PublishedUnit
from m3it_builder.adopt.report import UnitReport, unit_report
from m3it_builder.adopt.scan import ScanJob, ScannedFile, ScanSummary
from m3it_builder.adopt.scan_all import scan_all, scan_job
from m3it_builder.adopt.siblings import adopted_sibling
from m3it_builder.adopt.task import ScannedUnit, adopted_task
from m3it_builder.build.builder import Build
from m3it_builder.build.commit import refresh_build_readme
from m3it_builder.build.plan import Plan
from m3it_builder.build.report import Report
from m3it_builder.build.siblings import SiblingBuild
from m3it_builder.dataset.base import find_base
from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.errors import BaseError, Failure, M3ITError, SourceError, collect_failure
from m3it_builder.stages.check import TEXT_CHECKS

_FOLDER = "adopt"  # below the state folder of the output; may be deleted at any time

_Scans = Mapping[str, ScanSummary | M3ITError]  # by path


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A unit with uncompressed files and the jobs that scan them."""

    unit: PublishedUnit
    root: Path  # parent of the data folder
    rows: ScanJob
    images: ScanJob | None

    @property
    def jobs(self) -> tuple[ScanJob, ...]:
        return (self.rows, self.images) if self.images else (self.rows,)


def adopt(
    layout: Layout, units: Sequence[PublishedUnit], build: Build
) -> Iterator[UnitReport | Failure]:
    """Adopt units one by one; a failed unit does not stop the others.

    As in any build, finished units are left as they are and interrupted ones are resumed.

    Args:
        layout: of the download.
        units: those to adopt, in the order of the layout.
        build: output folder, plan and options; its ``sources`` are ignored.
    """
    if not embeds(build.plan):
        units = sorted(units, key=lambda unit: not unit.is_base)
    try:
        yield from _adopt_tasks(layout, units, build)
    finally:
        refresh_build_readme(build.out)


def _adopt_tasks(
    layout: Layout, units: Sequence[PublishedUnit], build: Build
) -> Iterator[UnitReport | Failure]:
    failed: set[str] = set()  # names of units
    for task, group in groupby(units, key=lambda unit: unit.task):
        failures: list[Failure] = []
        prepared: list[_Prepared] = []
        for unit in group:
            with collect_failure(unit.name, failures):
                prepared.append(_prepare(unit, layout, build))
        failed.update(failure.unit for failure in failures)
        yield from failures
        jobs = [job for one in prepared for job in one.jobs]
        scans = scan_all(task, jobs, build.workers, build.progress)
        own_images = any(_has_own_images(one, scans) for one in prepared)
        of_group = _embedding(build) if own_images else build
        for one in prepared:
            base = f"{one.unit.base_task}/{one.unit.split}"
            if base in failed and not embeds(of_group.plan):
                error = BaseError(
                    f"{one.unit.name} has its images in {base}, which was not adopted"
                )
                yield Failure(one.unit.name, error)
                continue
            result = _adopt_unit(one, scans, layout, of_group)
            if isinstance(result, Failure):
                failed.add(one.unit.name)
            yield result


def _has_own_images(prepared: _Prepared, scans: _Scans) -> bool:
    """Return True for a translated set with images in the file of its texts, too."""
    summary = scans[prepared.rows.path]
    if prepared.unit.base_task is None or not isinstance(summary, ScanSummary):
        return False
    return bool(summary.images)


def _embedding(build: Build) -> Build:
    """Return a build of translated sets that have their images themselves, in all splits."""
    return replace(build, plan=replace(build.plan, sibling_images=build.plan.images))


def _prepare(unit: PublishedUnit, layout: Layout, build: Build) -> _Prepared:
    state = build.out / STATE_FOLDER / _FOLDER
    root = decompress(unit, layout, state / "unpacked", build.progress)

    def job(file: str) -> ScanJob:
        name = decompressed_name(file)
        return scan_job(root / layout.data / name, name, state / "scans")

    images = job(unit.image_file) if unit.image_file else None
    return _Prepared(unit, root, job(unit.row_file), images)


def _adopt_unit(
    prepared: _Prepared, scans: _Scans, layout: Layout, build: Build
) -> UnitReport | Failure:
    failures: list[Failure] = []
    with collect_failure(prepared.unit.name, failures):
        scanned = _scanned(prepared, scans, layout.data)
        if scanned.unit.base_task and not embeds(build.plan):
            report = _build_sibling(scanned, build)
            return unit_report(scanned, report, build.out)
        if scanned.unit.is_base:
            build = _without_text_checks(build)
        task = adopted_task(scanned, layout)
        report = replace(build, sources=scanned.data.parent).build(task, scanned.unit.split)
        return unit_report(scanned, report, build.out)
    return failures[0]


def embeds(plan: Plan) -> bool:
    """Return True if translated sets are to have their images themselves."""
    return plan.sibling_images != "shared"


def _build_sibling(scanned: ScannedUnit, build: Build) -> Report:
    split = scanned.unit.split
    base = find_base(build.out, scanned.unit.base_task or "", split)
    sibling = adopted_sibling(scanned, base)
    builder = SiblingBuild(
        out=build.out,
        plan=build.plan,
        workers=build.workers,
        replace=build.replace,
        progress=build.progress,
    )
    return builder.build(sibling, split)


def _without_text_checks(build: Build) -> Build:
    """Return a build of rows that may lack texts."""
    file = build.plan.file
    checks = tuple(name for name in file.checks if name not in TEXT_CHECKS)
    plan = replace(build.plan, file=file.model_copy(update={"checks": checks}))
    return replace(build, plan=plan)


def _scanned(prepared: _Prepared, scans: _Scans, data: str) -> ScannedUnit:
    """Return a unit with its scans.

    Raises:
        M3ITError: a file could not be scanned, or the unit has no rows or no images.
    """
    rows, images = prepared.rows, prepared.images
    scanned = ScannedUnit(
        unit=prepared.unit,
        data=prepared.root / data,
        rows=_scanned_file(rows, scans),
        images=_scanned_file(images, scans) if images else None,
    )
    if scanned.rows.summary.lines == 0:
        raise SourceError(f"{rows.path}: no rows; download it again")
    if prepared.unit.lang and not images and not scanned.rows.summary.images:
        raise SourceError(
            f"{rows.path}: no images for these texts; download the file with the images "
            "of the same split to the same folder (train_500.jsonl, val_500.jsonl)"
        )
    return scanned


def _scanned_file(job: ScanJob, scans: _Scans) -> ScannedFile:
    result = scans[job.path]
    if isinstance(result, M3ITError):
        raise result
    return ScannedFile(job, result)
