"""Files that should not be there, and units that were never finished."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m3it_builder.dataset.manifest import NAME
from m3it_builder.records import SPLITS
from m3it_builder.shards.formats import FORMATS
from m3it_builder.verify.faults import Tally
from m3it_builder.verify.manifest_schema import UnitClaim

_STATE = ".m3it"  # unfinished work and local state: no part of a build


def check_inventory(folder: Path, claims: Sequence[UnitClaim], tally: Tally) -> None:
    """Note stray and unfinished files below the folder of a task."""
    known = {folder / path for path in _known(claims)}
    for name in FORMATS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and path not in known and not path.name.startswith("."):
                where = f"{folder.name}/{path.relative_to(folder).as_posix()}"
                tally.add("partial_file" if _is_partial(path) else "stray_file", where, "")
    for path in _elsewhere(folder):
        if path.is_file() and _is_partial(path):
            tally.add("partial_file", f"{folder.name}/{path.relative_to(folder).as_posix()}", "")
    for split in SPLITS:
        meta = folder / "meta" / split
        if meta.is_dir() and any(meta.iterdir()) and not (meta / NAME).exists():
            tally.add("manifest_missing", f"{folder.name}/meta/{split}", "")


def _is_partial(path: Path) -> bool:
    return path.name.endswith(".partial")


def _elsewhere(folder: Path) -> list[Path]:
    """Return what lies in the folder itself, and hidden or in meta, but not the shards again."""
    hidden = [path for name in FORMATS for path in (folder / name).rglob(".*")]
    meta = [path for path in (folder / "meta").rglob("*") if _STATE not in path.parts]
    return [*sorted(folder.glob("*")), *sorted(folder.glob(".*")), *sorted(hidden), *sorted(meta)]


def _known(claims: Sequence[UnitClaim]) -> set[str]:
    known = set()
    for claim in claims:
        for shard in claim.shards:
            for name in claim.plan.formats:
                known.add(FORMATS[name].path(claim.split, shard.shard, name))
        for name in claim.plan.formats if claim.shards else ():
            if name == "arrow":
                inside = (f"{claim.split}/state.json", f"{claim.split}/dataset_info.json")
                known.update(f"arrow/{file}" for file in (*inside, "dataset_dict.json"))
            else:
                known.add(f"{name}/README.md")
    return known
