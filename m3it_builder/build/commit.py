"""Commit a unit: merge its index, move shards into place, write the manifest last."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.build.fingerprint import (
    Fingerprint,
    read_built_from,
    toolchain,
    write_built_from,
)
from m3it_builder.build.ownership import own_shards, save_own_shards
from m3it_builder.build.shard_record import (
    ShardRecord,
    invalidate_records,
    part_path,
    save_records,
)
from m3it_builder.build.unit import Unit
from m3it_builder.cards.cards import TaskCard
from m3it_builder.dataset.arrow_state import INFO, STATE, write_state
from m3it_builder.dataset.build_readme import build_locked, lists_task, write_build_readme
from m3it_builder.dataset.index import merge, write_rejects
from m3it_builder.dataset.layout import INDEX, MANIFEST, REJECTS, meta_path
from m3it_builder.dataset.manifest import (
    FORMAT_VERSION,
    CardFacts,
    ImageRange,
    Manifest,
    OptionValue,
    PlanChoices,
    Shard,
    ShardFile,
    SiblingOf,
    readable_manifests,
    write_manifest,
)
from m3it_builder.dataset.readme import (
    expected_readmes,
    obsolete_readmes,
    remove_readmes,
    write_readmes,
)
from m3it_builder.records import Reject, Split, Style
from m3it_builder.storage.atomic import remove_partials, sync_file, sync_folder
from m3it_builder.storage.digest import file_digest
from m3it_builder.tasks.registry import Task


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What the manifest says of the origin of a unit."""

    card: CardFacts
    style: Style
    options: Mapping[str, OptionValue]
    sources: Mapping[str, int]  # bytes of the source files, by name
    sibling: SiblingOf | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of both phases of a unit."""

    shards: Sequence[ShardRecord]  # in order
    rejects: Iterable[tuple[str, Reject]]  # (stage, reject)
    reasons: Counter[str]


def commit(
    unit: Unit, fingerprint: Fingerprint, plan: PlanChoices, facts: UnitFacts, outcome: Outcome
) -> Manifest:
    """Move packed shards into place and write the manifest, which makes the unit finished.

    After a crash at any earlier step the unit counts as unfinished, and the next run
    resumes. All files that the manifest names are durable before it is written. The README of the
    output folder lists the unit after ``refresh_build_readme``.
    """
    shards = outcome.shards
    index, rejects = unit.work / INDEX, unit.work / REJECTS
    merge((part_path(unit.work, record.shard) for record in shards), index)
    write_rejects(rejects, (unit.task, unit.split), outcome.rejects)
    manifest = _manifest(unit, fingerprint, plan, facts, outcome)
    paths = {file.path for record in shards for file in record.files.values()}
    own = own_shards(unit) | paths
    save_own_shards(unit, own)
    unit.ready.touch()
    with unit.task_locked():
        _withdraw(unit)
    invalidate_records(unit)
    folders = _move_shards(unit, paths, own - paths)
    unit.meta.mkdir(parents=True, exist_ok=True)
    for path in (index, rejects):
        sync_file(path)
        path.replace(unit.meta / path.name)
    _write_arrow_state(unit, plan, shards)
    for folder in (*sorted(folders), unit.meta):
        sync_folder(folder)
    built_from = read_built_from(unit.work)
    if built_from is not None:
        write_built_from(unit.state, built_from)
    save_records(unit, shards)
    remove_partials(unit.meta / MANIFEST)
    write_manifest(manifest, unit.meta)
    save_own_shards(unit, paths)
    refresh_task_readmes(unit, only_if_stale=False)
    shutil.rmtree(unit.work)
    (unit.state / REJECTS).unlink(missing_ok=True)
    return manifest


def facts_of(task: Task, split: Split, fingerprint: Fingerprint) -> UnitFacts:
    """Return what the manifest says of the origin of a unit that is built from sources."""
    return UnitFacts(
        card=_card_facts(task.card, split),
        style=task.card.render.style(),
        options=task.options,
        sources={name: state[0] for name, state in fingerprint.files.items()},
    )


def refresh_task_readmes(unit: Unit, only_if_stale: bool) -> None:
    """Write the README files of the task, for the units finished so far."""
    if not only_if_stale or not _are_fresh(unit):
        with unit.task_locked():
            write_readmes(unit.folder, list(readable_manifests(unit.folder)))


def refresh_build_readme(out: Path) -> None:
    """Write the README of an output folder, for the units finished so far."""
    with build_locked(out):
        write_build_readme(out)  # leaves an equal one as it is


def withdraw_from_readme(out: Path, units: Collection[tuple[str, Split]]) -> None:
    """Write the README of an output folder without units that are about to be replaced."""
    if any(lists_task(out, task) for task in {task for task, _ in units}):
        with build_locked(out):
            write_build_readme(out, without=units)


def _are_fresh(unit: Unit) -> bool:
    """Return True if exactly the README files needed exist, and are newer than every manifest."""
    if obsolete_readmes(unit.folder):
        return False
    units = list(readable_manifests(unit.folder))
    manifests = [unit.folder / meta_path(one.split, MANIFEST) for one in units]
    newest = max((path.stat().st_mtime_ns for path in manifests), default=0)
    return all(
        path.is_file() and path.stat().st_mtime_ns >= newest
        for path in expected_readmes(unit.folder, units)
    )


def _write_arrow_state(unit: Unit, plan: PlanChoices, shards: Sequence[ShardRecord]) -> None:
    folder = unit.folder / "arrow" / unit.split
    for name in (STATE, INFO):
        (folder / name).unlink(missing_ok=True)
    files = [record.files["arrow"] for record in shards if "arrow" in record.files]
    if files:
        named = [(Path(file.path).name, file.digest) for file in files]
        write_state(folder, unit.split, named, plan.images)


def _withdraw(unit: Unit) -> None:
    """Delete the READMEs and manifest of an older build: its files are about to be replaced.

    READMEs first: a killed run must not leave one that describes a withdrawn unit.
    """
    remove_readmes(unit.folder)
    with build_locked(unit.out):
        if lists_task(unit.out, unit.task):
            write_build_readme(unit.out, without={(unit.task, unit.split)})
        (unit.meta / MANIFEST).unlink(missing_ok=True)


def _move_shards(unit: Unit, paths: Iterable[str], stale: Iterable[str]) -> set[Path]:
    """Move new shards into place, delete stale ones, and return the folders changed."""
    folders = set()
    for relative in sorted(paths):
        target = unit.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        folders.add(target.parent)
        packed = unit.work / relative
        if packed.exists():  # otherwise an interrupted commit has moved it already
            packed.replace(target)
    for relative in stale:
        (unit.folder / relative).unlink(missing_ok=True)
    return folders


def _manifest(
    unit: Unit, fingerprint: Fingerprint, plan: PlanChoices, facts: UnitFacts, outcome: Outcome
) -> Manifest:
    shards, reasons = outcome.shards, outcome.reasons
    rows = sum(record.rows for record in shards)
    return Manifest(
        format_version=FORMAT_VERSION,
        task=unit.task,
        split=unit.split,
        card=facts.card,
        plan=plan,
        drop=fingerprint.drop,
        options=dict(facts.options),
        style=facts.style,
        toolchain=toolchain(),
        examples=rows + reasons.total(),
        instances=rows,
        rejects=dict(reasons.most_common()),
        images=sum(record.images for record in shards),
        max_images=max((record.max_images for record in shards), default=0),
        image_bytes=sum(record.image_bytes for record in shards),
        sources=dict(facts.sources),
        shards=tuple(Shard(record.shard, record.rows, record.files) for record in shards),
        index=_described(unit.work / INDEX, unit.split),
        reject_table=_described(unit.work / REJECTS, unit.split),
        sibling=facts.sibling,
    )


def _card_facts(card: TaskCard, split: Split) -> CardFacts:
    return CardFacts(
        base=card.name,
        title=card.title,
        group=card.group,
        lang=card.lang,
        target_langs=card.target_langs,
        homepage=card.homepage,
        citation=card.citation,
        license=card.license,
        image_license=card.image_license,
        held_out=card.held_out,
        translate=card.translate,
        images=ImageRange(card.images.min, card.images.max),
        rows=card.splits[split].rows,
    )


def _described(path: Path, split: Split) -> ShardFile:
    digest = file_digest(path, "blake3")
    return ShardFile(meta_path(split, path.name), path.stat().st_size, digest)
