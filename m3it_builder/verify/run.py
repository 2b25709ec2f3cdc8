"""A whole build, verified: units one after the other, their shards over processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from m3it_builder.dataset.manifest import NAME, task_folders
from m3it_builder.errors import BuildError
from m3it_builder.executors.local import run
from m3it_builder.progress import Progress, Silent
from m3it_builder.records import SPLITS
from m3it_builder.verify.faults import Finding, Tally
from m3it_builder.verify.inventory import check_inventory
from m3it_builder.verify.manifest_schema import UnitClaim, read_claim
from m3it_builder.verify.privacy import watch
from m3it_builder.verify.readmes import check_readmes
from m3it_builder.verify.rows import Expected
from m3it_builder.verify.shard import ShardJob, ShardSeen, check_shard
from m3it_builder.verify.source_lookup import Raw
from m3it_builder.verify.sources import SourceJob, check_sources
from m3it_builder.verify.stored_row import UNREADABLE
from m3it_builder.verify.units import Groups, UnitFolder, check_unit

_GROUPS = 5  # of an index, in one job over sources: about a window of images


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What is verified, and how."""

    quick: bool = False  # leave the bytes of shards alone
    sources: Path | None = None  # hold images against the official files there
    tasks: tuple[str, ...] = ()  # all of them if empty
    splits: tuple[str, ...] = ()
    workers: int = 1
    progress: Progress = field(default_factory=Silent)


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What came of it."""

    quick: bool
    units: int = 0
    rows: int = 0
    images: int = 0
    bytes: int = 0  # of shards read
    from_sources: int | None = None  # images held against their sources
    unchecked: dict[str, int] = field(default_factory=dict)  # images that were not, by reason
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> int:
        """Return the number of faults."""
        return sum(finding.count for finding in self.findings)


@dataclass(frozen=True, slots=True)
class _Unit:
    """One unit on its way through."""

    place: UnitFolder
    groups: Groups | None  # of its index


def verify(build: Path, how: How) -> Verdict:
    """Hold a finished build to everything it claims.

    Args:
        build: an output folder, or the folder of one task in it.
        how: what is verified.

    Raises:
        BuildError: there is no such build, or no such task or split in it.
    """
    tally = Tally()
    units: list[_Unit] = []
    for folder in _task_folders(build, how):
        units += _check_task(folder, build, how, tally)
    verdict = Verdict(quick=how.quick, units=len(units))
    _check_shards(units, how, verdict, tally)
    if how.sources is not None:
        _check_sources(units, how.sources, how, verdict, tally)
    verdict.findings = tally.findings()
    return verdict


def _task_folders(build: Path, how: How) -> list[Path]:
    """Return folders of tasks, those without any manifest among them."""
    candidates = [build, *sorted(path for path in build.glob("*") if path.is_dir())]
    found = [path for path in candidates if any(path.glob("meta/*/*"))] or task_folders(build)
    chosen = [path for path in found if path.name in (how.tasks or (path.name,))]
    lost = [name for name in how.tasks if name not in {path.name for path in chosen}]
    if lost:
        raise BuildError(
            f"{build} holds no build of {lost[0]}; it has {', '.join(p.name for p in found)}"
        )
    return chosen


def _check_task(folder: Path, build: Path, how: How, tally: Tally) -> list[_Unit]:
    eyes = watch(build)
    claims = list(_claims(folder, tally))
    for split in SPLITS:
        manifest = folder / "meta" / split / NAME
        if manifest.is_file():
            text = manifest.read_text(encoding="utf-8", errors="replace")
            tally.extend(f"{folder.name}/{split} manifest", eyes.in_document(text))
    check_inventory(folder, claims, tally)
    check_readmes(folder, claims, eyes, tally)
    chosen = [claim for claim in claims if claim.split in (how.splits or (claim.split,))]
    units = [UnitFolder(folder, claim, eyes) for claim in chosen]
    return [_Unit(place, check_unit(place, tally)) for place in units]


def _claims(folder: Path, tally: Tally) -> Iterator[UnitClaim]:
    """Yield what the manifests of a task claim; the first one says which task it is."""
    task = None
    for split in SPLITS:
        meta = folder / "meta" / split
        if not (meta / NAME).exists():
            continue  # the inventory says so
        where = f"{folder.name}/{split} manifest"
        try:
            claim = read_claim(meta)
        except (BuildError, *UNREADABLE) as error:
            tally.add("manifest_unreadable", where, str(error))
            continue
        task = task or claim.task
        if (claim.task, claim.split) != (task, split):
            tally.add("manifest_unit", where, claim.name)
        else:
            yield claim


def _check_shards(units: Sequence[_Unit], how: How, verdict: Verdict, tally: Tally) -> None:
    jobs = [job for unit in units for job in _shard_jobs(unit, how.quick)]
    size = sum(job.size for job in jobs)
    verdict.bytes = 0 if how.quick else size
    totals = {unit.place.claim.name: ShardSeen("") for unit in units}
    how.progress.start("shards", size, "rows" if how.quick else "bytes")
    try:
        for seen in run(check_shard, jobs, how.workers, how.progress.advance):
            tally.merge(seen.tally)
            total = totals[seen.unit]
            total.rows += seen.rows
            total.images += seen.images
            total.image_bytes += seen.image_bytes
            total.drawn |= seen.drawn
    finally:
        how.progress.finish()
    for unit in units:
        _compare_totals(unit, totals[unit.place.claim.name], tally)
    verdict.rows = sum(total.rows for total in totals.values())
    verdict.images = sum(total.images for total in totals.values())


def _shard_jobs(unit: _Unit, quick: bool) -> Iterator[ShardJob]:
    place, claim = unit.place, unit.place.claim
    expected = Expected(claim.task, claim.split, claim.card, tuple(claim.plan.formats), place.watch)
    for shard in claim.shards:
        yield ShardJob(
            folder=str(place.folder),
            index=f"meta/{claim.split}/{place.path(claim.index).name}",
            groups=None if unit.groups is None else unit.groups.get(shard.shard, ()),
            shard=shard,
            images=claim.plan.images,
            max_pixels=claim.plan.max_pixels,
            expected=expected,
            quick=quick,
        )


def _compare_totals(unit: _Unit, total: ShardSeen, tally: Tally) -> None:
    claim = unit.place.claim
    if len(total.drawn) > 1:
        tally.add("drawn", claim.name, "regions are drawn in some rows, and not in others")
    if total.rows != claim.instances:
        return  # said already, and the sums follow from it
    if total.images != claim.images:
        said = f"{total.images:,} images, the manifest says {claim.images:,}"
        tally.add("manifest_counts", f"{claim.name} index", said)
    if total.image_bytes != claim.image_bytes:
        said = f"{total.image_bytes:,} bytes, the manifest says {claim.image_bytes:,}"
        tally.add("manifest_counts", f"{claim.name} index", f"images have {said}")


def _check_sources(
    units: Sequence[_Unit], sources: Path, how: How, verdict: Verdict, tally: Tally
) -> None:
    if not sources.is_dir():
        raise BuildError(f"{sources} is no folder; give --sources the folder of official files")
    jobs, total = [], 0
    for unit in units:
        claim = unit.place.claim
        for check, name, detail in Raw(claim, sources).check_files():
            tally.add(check, f"{claim.name} {name}", detail)
        jobs += list(_source_jobs(unit, sources))
        total += claim.image_bytes
    checked, unchecked = 0, Counter[str]()
    how.progress.start("sources", total, "bytes")
    try:
        for seen in run(check_sources, jobs, how.workers, how.progress.advance):
            tally.merge(seen.tally)
            checked += seen.checked
            unchecked += seen.unchecked
    finally:
        how.progress.finish()
    verdict.from_sources, verdict.unchecked = checked, dict(unchecked)


def _source_jobs(unit: _Unit, sources: Path) -> Iterator[SourceJob]:
    groups = sorted({group for numbers in (unit.groups or {}).values() for group in numbers})
    for start in range(0, len(groups), _GROUPS):
        yield SourceJob(
            folder=str(unit.place.folder),
            claim=unit.place.claim,
            groups=tuple(groups[start : start + _GROUPS]),
            sources=str(sources),
        )
