"""Verifies a whole build: units in order, their shards distributed over processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.dataset.manifest import Manifest, read_manifest, task_folders
from m3it_builder.errors import BuildError, UsageError
from m3it_builder.executors.local import run_with_progress
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import SPLITS
from m3it_builder.verify.against_sources import IndexedUnit, compare_with_sources
from m3it_builder.verify.findings import CheckFindings, Tally
from m3it_builder.verify.inventory import check_inventory
from m3it_builder.verify.privacy import PrivacyScanner, privacy_scanner
from m3it_builder.verify.readmes import check_build_readme, check_readmes
from m3it_builder.verify.rows import UnitContext
from m3it_builder.verify.shard import ShardJob, ShardResult, check_shard
from m3it_builder.verify.siblings import check_sibling
from m3it_builder.verify.stored_row import READ_ERRORS
from m3it_builder.verify.units import RowGroups, UnitFolder, check_unit


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What to verify, and with which resources."""

    quick: bool = False  # do not open shards
    sources: Path | None = None  # also compare images with the official files there
    tasks: tuple[str, ...] = ()  # all if empty
    splits: tuple[str, ...] = ()  # all if empty
    workers: int = 1
    progress: Progress = field(default_factory=Silent)


@dataclass(slots=True, kw_only=True)
class VerifyReport:
    """The result of a verification; its fields are JSON keys of ``m3it verify --json``."""

    quick: bool
    units: int = 0
    rows: int = 0
    images: int = 0
    bytes: int = 0  # of shards read
    from_sources: int | None = None  # images compared with their sources
    unchecked: dict[str, int] = field(default_factory=dict)  # images not compared, by reason
    findings: tuple[CheckFindings, ...] = ()

    @property
    def finding_count(self) -> int:
        """Return the total number of findings."""
        return sum(findings.count for findings in self.findings)


_CheckedUnit = tuple[UnitFolder, RowGroups | None]  # a unit, and the row groups of its index


def verify(build: Path, options: VerifyOptions) -> VerifyReport:
    """Check a finished build against its manifest, index and images.

    Args:
        build: an output folder, or the folder of one task in it.
        options: what to verify.

    Raises:
        BuildError: there is no such build, task or split, or no folder of sources.
    """
    tally = Tally()
    units: list[_CheckedUnit] = []
    for folder in _task_folders(build, options):
        units += _check_task(folder, build, options, tally)
    if not options.tasks and not any(build.glob("meta/*/*")):
        check_build_readme(build, privacy_scanner(build), tally)
    report = VerifyReport(quick=options.quick, units=len(units))
    _check_shards(units, options, report, tally)
    if options.sources is not None:
        _check_sources(units, options.sources, options, report, tally)
    report.findings = tally.by_check()
    return report


def _task_folders(build: Path, options: VerifyOptions) -> list[Path]:
    """Return the chosen task folders, including those without any manifest."""
    candidates = [build, *sorted(path for path in build.glob("*") if path.is_dir())]
    folders = [path for path in candidates if any(path.glob("meta/*/*"))] or task_folders(build)
    chosen = [path for path in folders if path.name in (options.tasks or (path.name,))]
    missing = [name for name in options.tasks if name not in {path.name for path in chosen}]
    if missing:
        names = ", ".join(path.name for path in folders)
        raise UsageError(f"{build} contains no build of {missing[0]}; choose from {names}")
    return chosen


def _check_task(
    folder: Path, build: Path, options: VerifyOptions, tally: Tally
) -> list[_CheckedUnit]:
    scanner = privacy_scanner(build)
    manifests = list(_manifests(folder, scanner, tally))
    check_inventory(folder, manifests, tally)
    check_readmes(folder, manifests, scanner, tally)
    chosen = [one for one in manifests if one.split in (options.splits or (one.split,))]
    units = [UnitFolder(folder, manifest, scanner) for manifest in chosen]
    checked = [(unit, check_unit(unit, tally)) for unit in units]
    for unit in units:
        if unit.manifest.sibling is not None:
            check_sibling(unit, tally)
    return checked


def _manifests(folder: Path, scanner: PrivacyScanner, tally: Tally) -> Iterator[Manifest]:
    """Yield the valid manifests of a task folder; the first one defines the name of the task."""
    task = None
    for split in SPLITS:
        meta = folder / "meta" / split
        path = meta / MANIFEST
        if not path.exists():
            continue  # reported by the inventory as manifest_missing
        where = f"{folder.name}/{split} manifest"
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            tally.extend(where, scanner.scan_document(text))
        try:
            manifest = read_manifest(meta)
        except (BuildError, *READ_ERRORS) as error:
            tally.add("manifest_unreadable", where, str(error))
            continue
        if manifest is None:  # removed in the meantime
            continue
        task = task or manifest.task
        if (manifest.task, manifest.split) != (task, split):
            tally.add("manifest_unit", where, manifest.name)
        else:
            yield manifest


def _check_shards(
    units: Sequence[_CheckedUnit], options: VerifyOptions, report: VerifyReport, tally: Tally
) -> None:
    jobs = [job for unit in units for job in _shard_jobs(*unit, options.quick)]
    size = sum(job.size for job in jobs)
    report.bytes = 0 if options.quick else size
    totals = {unit.manifest.name: ShardResult("") for unit, _ in units}
    options.progress.start("shards", size, "rows" if options.quick else "bytes")
    try:
        for result in run_with_progress(
            check_shard, jobs, options.workers, options.progress.advance
        ):
            tally.merge(result.tally)
            total = totals[result.unit]
            total.rows += result.rows
            total.images += result.images
            total.max_images = max(total.max_images, result.max_images)
            total.image_bytes += result.image_bytes
            total.drawn |= result.drawn
    finally:
        options.progress.finish()
    for unit, _ in units:
        _compare_totals(unit.manifest, totals[unit.manifest.name], tally)
    report.rows = sum(total.rows for total in totals.values())
    report.images = sum(total.images for total in totals.values())


def _shard_jobs(unit: UnitFolder, groups: RowGroups | None, quick: bool) -> Iterator[ShardJob]:
    manifest = unit.manifest
    context = UnitContext(
        task=manifest.task,
        split=manifest.split,
        card=manifest.card,
        formats=tuple(manifest.plan.formats),
        images=manifest.plan.images,
        style=manifest.style,
        may_lack_texts=bool(manifest.options.get("base_of_translations")),
        scanner=unit.scanner,
    )
    for shard in manifest.shards:
        yield ShardJob(
            folder=str(unit.folder),
            index=f"meta/{manifest.split}/{unit.meta_path(manifest.index).name}",
            groups=None if groups is None else groups.get(shard.shard, ()),
            shard=shard,
            images=manifest.plan.images,
            max_pixels=manifest.plan.max_pixels,
            unit=context,
            quick=quick,
        )


def _compare_totals(manifest: Manifest, total: ShardResult, tally: Tally) -> None:
    if len(total.drawn) > 1:
        tally.add("regions_drawn", manifest.name, "regions are drawn in some rows only")
    if total.rows != manifest.instances:
        return  # reported; the sums would differ as a consequence
    for actual, stated, unit in (
        (total.images, manifest.images, "images"),
        (total.max_images, manifest.max_images, "images in a row"),
        (total.image_bytes, manifest.image_bytes, "bytes of images"),
    ):
        if actual != stated:
            detail = f"{actual:,} {unit}, the manifest says {stated:,}"
            tally.add("manifest_counts", f"{manifest.name} index", detail)


def _check_sources(
    units: Sequence[_CheckedUnit],
    sources: Path,
    options: VerifyOptions,
    report: VerifyReport,
    tally: Tally,
) -> None:
    indexed = [
        IndexedUnit(
            unit.manifest,
            unit.meta_path(unit.manifest.index),
            tuple(sorted({number for of_shard in (groups or {}).values() for number in of_shard})),
        )
        for unit, groups in units
        if unit.manifest.sibling is None  # the images of a sibling are those of its base
    ]
    comparison = compare_with_sources(indexed, sources, options.workers, options.progress, tally)
    report.from_sources, report.unchecked = comparison.compared, dict(comparison.unchecked)
