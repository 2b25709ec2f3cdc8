"""What a build has: its units, their sizes, and whether they are up to date."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from msgspec import structs

from m3it_builder.build.fingerprint import (
    changes,
    fingerprint,
    read_built_from,
    sibling_fingerprint,
)
from m3it_builder.build.freshness import input_changes, missing_files
from m3it_builder.build.plan import Plan
from m3it_builder.build.preflight import require_sources
from m3it_builder.build.sibling_names import find_sibling
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.base import base_of
from m3it_builder.dataset.layout import MANIFEST, STATE_FOLDER, meta_path
from m3it_builder.dataset.manifest import Manifest, read_manifest, task_folders
from m3it_builder.errors import BuildError, Failure, M3ITError, collect_failure
from m3it_builder.records import SPLITS, Split
from m3it_builder.tasks.opening import catalogs_of
from m3it_builder.tasks.registry import Task, load_task
from m3it_builder.tasks.sampling import sample_folder

State = Literal["complete", "up to date", "stale", "incomplete", "unfinished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitInfo:
    """One unit of a build."""

    task: str
    split: str
    state: State
    detail: str = ""  # what has changed, or is missing
    rows: int | None = None  # this and the following are None for an unfinished unit
    rejects: int | None = None
    images: int | None = None
    shards: int | None = None  # files, in all formats
    bytes: int | None = None  # of the shards
    formats: tuple[str, ...] = ()
    encoding: str | None = None  # of the images: bytes or base64
    limit: int | None = None
    sample: bool | None = None  # built from synthetic sample data
    built: str | None = None  # UTC, ISO 8601
    age: float | None = None  # seconds since then


def unit_infos(build: Path, sources: Path | None) -> tuple[list[UnitInfo], list[Failure]]:
    """Return the units of a build, and failures of those whose manifest cannot be read.

    Args:
        build: output folder, or the folder of one task in it.
        sources: folder of the official files, to check if units are up to date. Units built
            from sample data are checked with the sample data beside them; other units are not
            checked if it is None.

    Raises:
        BuildError: there is no unit.
    """
    infos: list[UnitInfo] = []
    failures: list[Failure] = []
    for folder, split in _units(build):
        with collect_failure(f"{folder.name}/{split}", failures):
            infos.append(_unit_info(folder, split, sources))
    return infos, failures


def _units(build: Path) -> Iterator[tuple[Path, Split]]:
    """Yield task folder and split of every unit, finished or not.

    Raises:
        BuildError: there is none.
    """
    candidates = [build, *sorted(path for path in build.glob("*") if path.is_dir())]
    found = [
        (folder, split) for folder in candidates for split in SPLITS if _is_unit(folder, split)
    ]
    if not found:
        task_folders(build)  # which raises
    yield from found


def _is_unit(folder: Path, split: str) -> bool:
    return (folder / meta_path(split, MANIFEST)).is_file() or _has_work(folder, split)


def _has_work(folder: Path, split: str) -> bool:
    return (folder / STATE_FOLDER / split / "work").is_dir()


def _unit_info(folder: Path, split: Split, sources: Path | None) -> UnitInfo:
    path = folder / "meta" / split
    manifest = read_manifest(path)
    if manifest is None:
        return UnitInfo(task=folder.name, split=split, state="unfinished",
                        detail="being built, or interrupted; repeat the command")  # fmt: skip
    built = (path / MANIFEST).stat().st_mtime
    info = UnitInfo(
        task=manifest.task,
        split=split,
        state="complete",
        rows=manifest.instances,
        rejects=sum(manifest.rejects.values()),
        images=manifest.images,
        shards=sum(len(shard.files) for shard in manifest.shards),
        bytes=manifest.shard_bytes,
        formats=manifest.formats,
        encoding=manifest.plan.images,
        limit=manifest.plan.limit,
        sample=manifest.plan.sample,
        built=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(built)),
        age=max(0.0, time.time() - built),
    )
    if missing := missing_files(folder, manifest):
        return replace(info, state="incomplete", detail=f"missing or truncated: {missing[0]}")
    return _compared(info, manifest, folder, sources)


def _compared(info: UnitInfo, manifest: Manifest, folder: Path, sources: Path | None) -> UnitInfo:
    """Compare a complete unit with its sources and with the present code, if they are known."""
    if manifest.sibling is not None:
        return _compared_with_base(info, manifest, folder)
    if manifest.plan.sample:
        samples = sample_folder(folder.parent, manifest.card.base)
        sources = samples if samples.is_dir() else None
    if sources is None or "adopted_from" in manifest.options:
        return info
    try:
        changed = _changed(manifest, folder, sources.absolute())
    except M3ITError as error:
        return replace(info, detail=f"not compared with its sources ({error})")
    if changed:
        return replace(info, state="stale", detail=f"changed: {'; '.join(changed)}")
    return replace(info, state="up to date")


def _compared_with_base(info: UnitInfo, manifest: Manifest, folder: Path) -> UnitInfo:
    """Compare a complete sibling with its base, and with the present code if that is known."""
    try:
        base = base_of(folder, manifest)
    except BuildError as error:
        return replace(info, state="incomplete", detail=str(error))
    sibling = find_sibling(manifest.task, folder.parent)
    built_from = read_built_from(folder / STATE_FOLDER / manifest.split)
    if sibling is None or built_from is None:
        return info
    code = sibling.transformation.fingerprint()
    present = sibling_fingerprint(base.digest, code, manifest.plan, manifest.drop)
    if changed := changes(built_from, structs.replace(built_from, fingerprint=present)):
        return replace(info, state="stale", detail=f"changed: {'; '.join(changed)}")
    return replace(info, state="up to date")


def _changed(manifest: Manifest, folder: Path, sources: Path) -> list[str]:
    task: Task = load_task(manifest.task)
    task = task.with_values(manifest.options)
    unit = Unit(task.name, manifest.split, folder.parent)
    catalogs = catalogs_of(task, manifest.split, sources)
    require_sources(task, manifest.split, catalogs, sources)
    # The plan is that of the build: only files and code can have changed.
    present = structs.replace(
        fingerprint(task, manifest.split, Plan(), catalogs),
        plan=manifest.plan,
        drop=manifest.drop,
    )
    return input_changes(unit, manifest, present, catalogs, sources)
