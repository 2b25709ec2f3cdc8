"""Adopt a download: scan, build, report, one task after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from m3it_builder.adopt.decompress import plain_name, root_of
from m3it_builder.adopt.layout import Layout, Part
from m3it_builder.adopt.report import UnitReport, unit_report
from m3it_builder.adopt.scan import Scan, ScanJob
from m3it_builder.adopt.scan_all import scan_job, survey
from m3it_builder.adopt.task import Scanned, adopted_task
from m3it_builder.build.builder import Build
from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.errors import M3ITError, SourceError, foreseen

_FOLDER = "adopt"  # below the state folder of the output; may be deleted at any time


@dataclass(frozen=True, slots=True)
class Failure:
    """A unit that was not adopted, and why."""

    unit: str
    error: M3ITError


def adopt(layout: Layout, parts: Sequence[Part], work: Build) -> Iterator[UnitReport | Failure]:
    """Adopt units one by one; one that fails does not keep the others from being adopted.

    What is finished is left as it is, what was interrupted goes on, as in any build.

    Args:
        layout: what was found.
        parts: those of its units that are wanted, in its order.
        work: where to write, and how; its ``sources`` are not looked at.
    """
    for task, units in groupby(parts, key=lambda part: part.task):
        for scanned in _scanned(task, list(units), layout, work):
            if isinstance(scanned, Failure):
                yield scanned
                continue
            try:
                yield _unit(scanned, layout, work)
            except Exception as error:
                if (known := foreseen(error)) is None:
                    error.add_note(f"while adopting {scanned.part.name}")
                    raise
                yield Failure(scanned.part.name, known)


def _unit(scanned: Scanned, layout: Layout, work: Build) -> UnitReport:
    task = adopted_task(scanned, layout)
    report = replace(work, sources=scanned.root).unit(task, scanned.part.split)
    return unit_report(scanned, report, work.out)


def _scanned(
    task: str, parts: list[Part], layout: Layout, work: Build
) -> Iterator[Scanned | Failure]:
    """Yield the units of one task with their files scanned, all of them at a time."""
    state = work.out / STATE_FOLDER / _FOLDER
    roots: dict[str, Path] = {}
    jobs: dict[str, list[ScanJob]] = {}
    for part in parts:
        try:
            root = roots[part.name] = root_of(part, layout, state / "unpacked", work.progress)
            jobs[part.name] = [
                scan_job(root / layout.data / plain_name(name), plain_name(name), state / "scans")
                for name in (part.rows, part.images)
                if name
            ]
        except (M3ITError, OSError) as error:
            if (known := foreseen(error)) is None:
                raise
            yield Failure(part.name, known)
    listed = [job for some in jobs.values() for job in some]
    found = survey(task, listed, work.workers, work.progress)
    for part in parts:
        if part.name in jobs:
            scans = [found[job.file] for job in jobs[part.name]]
            yield _put_together(part, roots[part.name], jobs[part.name], scans)


def _put_together(
    part: Part, root: Path, jobs: list[ScanJob], scans: list[Scan | M3ITError]
) -> Scanned | Failure:
    whole: list[tuple[ScanJob, Scan]] = []
    for job, scan in zip(jobs, scans, strict=True):
        if not isinstance(scan, Scan):
            return Failure(part.name, scan)
        whole.append((job, scan))
    scanned = Scanned(
        part=part, root=root, rows=whole[0], images=whole[1] if len(whole) > 1 else None
    )
    lack = _lack(scanned)
    return Failure(part.name, SourceError(f"{jobs[0].file}: {lack}")) if lack else scanned


def _lack(scanned: Scanned) -> str | None:
    """Say what a unit cannot do without, if it is not there."""
    scan = scanned.rows[1]
    if scan.lines == 0:
        return "holds no row; download it again"
    if scanned.part.lang and not scanned.images and not scan.images:
        return (
            "the images of these texts are not beside it; download the file "
            "of the same folder that has them too (train_500.jsonl, val_500.jsonl)"
        )
    return None
