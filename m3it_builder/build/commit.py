"""The last steps of a unit: index, rejects, moving into place, manifest."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3it_builder.build.fingerprint import toolchain
from m3it_builder.build.pack import ShardDone, part_path
from m3it_builder.build.plan import Plan
from m3it_builder.build.reuse import invalidate, save_state
from m3it_builder.build.unit import Unit, read_stamp, write_stamp
from m3it_builder.cards.cards import TaskCard
from m3it_builder.dataset.arrow_state import write_state
from m3it_builder.dataset.index import merge, write_rejects
from m3it_builder.dataset.manifest import (
    FORMAT_VERSION,
    NAME,
    Manifest,
    readable_manifests,
    write_manifest,
)
from m3it_builder.dataset.readme import expected_readmes, remove_readmes, write_readmes
from m3it_builder.records import Reject, Split
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.digest import file_digest


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the two phases made of a unit."""

    done: Sequence[ShardDone]  # in the order of the shards
    rejects: Iterable[tuple[str, Reject]]  # (stage, reject)
    reasons: Counter[str]


def finish(unit: Unit, parts: dict[str, Any], plan: Plan, outcome: Outcome) -> Manifest:
    """Move packed shards into place and declare the unit finished.

    Until the manifest is written, the last step, the unit counts as unfinished;
    a crash anywhere before leaves work that the next run takes up.
    """
    done = outcome.done
    index, table = unit.work / "index.parquet", unit.work / "rejects.parquet"
    merge((part_path(unit.work, one.shard) for one in done), index)
    write_rejects(table, (unit.task.name, unit.split), outcome.rejects)
    manifest = _manifest(unit, parts, plan, outcome)
    unit.ready.touch()
    with unit.task_locked():
        _withdraw(unit)
    invalidate(unit)
    _move(unit, done)
    unit.meta.mkdir(parents=True, exist_ok=True)
    for path in (index, table):
        path.replace(unit.meta / path.name)
    _drop_arrow_state(unit)
    if "arrow" in plan.formats and done:
        shards = [(Path(f["path"]).name, f["digest"]) for f in (o.files["arrow"] for o in done)]
        write_state(unit.folder / "arrow" / unit.split, unit.split, shards, plan.images)
    write_stamp(unit.state, read_stamp(unit.work))
    save_state(unit, done)
    write_manifest(manifest, unit.meta)
    refresh_readmes(unit)
    shutil.rmtree(unit.work)
    (unit.state / "rejects.parquet").unlink(missing_ok=True)
    return manifest


def refresh_readmes(unit: Unit, only_if_stale: bool = False) -> None:
    """Write what all splits of a task share, for those that are finished by now."""
    if only_if_stale and _are_fresh(unit):
        return
    with unit.task_locked():
        write_readmes(unit.folder, list(readable_manifests(unit.folder)))


def _are_fresh(unit: Unit) -> bool:
    """Tell whether all READMEs are there, and newer than every manifest."""
    units = list(readable_manifests(unit.folder))
    written = [unit.folder / "meta" / one.split / NAME for one in units]
    newest = max((path.stat().st_mtime_ns for path in written), default=0)
    return all(
        path.is_file() and path.stat().st_mtime_ns >= newest
        for path in expected_readmes(unit.folder, units)
    )


def _drop_arrow_state(unit: Unit) -> None:
    for name in ("state.json", "dataset_info.json"):
        (unit.folder / "arrow" / unit.split / name).unlink(missing_ok=True)


def _withdraw(unit: Unit) -> None:
    """Take back the claim that an older build of this unit is finished."""
    (unit.meta / NAME).unlink(missing_ok=True)
    remove_readmes(unit.folder)


def _move(unit: Unit, done: Sequence[ShardDone]) -> None:
    """Move new shards over old ones, and remove old ones that have no successor."""
    kept = {file["path"] for one in done for file in one.files.values()}
    for relative in sorted(kept):
        target = unit.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        made = unit.work / relative
        if made.exists():  # else an earlier, interrupted move brought it there
            made.replace(target)
    for name, entry in FORMATS.items():
        folder = (unit.folder / entry.path(unit.split, 0, name)).parent
        for stale in folder.glob(f"{unit.split}-*.{entry.suffix}"):
            if stale.relative_to(unit.folder).as_posix() not in kept:
                stale.unlink()


def _manifest(unit: Unit, parts: dict[str, Any], plan: Plan, outcome: Outcome) -> Manifest:
    done, reasons = outcome.done, outcome.reasons
    rows = sum(one.rows for one in done)
    return Manifest(
        format_version=FORMAT_VERSION,
        task=unit.task.name,
        split=unit.split,
        card=_card_facts(unit.task.card, unit.split),
        plan={**plan.choices(), **({"drop": parts["drop"]} if parts["drop"] else {})},
        options=dict(unit.task.options),
        toolchain=toolchain(),
        examples=rows + reasons.total(),
        instances=rows,
        rejects=dict(reasons.most_common()),
        images=sum(one.images for one in done),
        image_bytes=sum(one.image_bytes for one in done),
        sources={name: stamp[0] for name, stamp in parts["files"].items()},
        shards=[{"shard": one.shard, "rows": one.rows, "files": one.files} for one in done],
        index=_described(unit.work / "index.parquet", unit.split),
        reject_table=_described(unit.work / "rejects.parquet", unit.split),
    )


def _card_facts(card: TaskCard, split: Split) -> dict[str, Any]:
    facts = card.model_dump(
        mode="json",
        include={"title", "group", "lang", "homepage", "citation", "license", "image_license",
                 "held_out", "translate", "images"},
    )  # fmt: skip
    return {**facts, "base": card.name, "rows": card.splits[split].rows}


def _described(path: Path, split: str) -> dict[str, Any]:
    digest = file_digest(path, "blake3")
    return {"path": f"meta/{split}/{path.name}", "bytes": path.stat().st_size, "digest": digest}
