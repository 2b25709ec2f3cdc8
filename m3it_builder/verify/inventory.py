"""Unexpected and unfinished files, and splits without a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m3it_builder.dataset.layout import MANIFEST, STATE_FOLDER
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.dataset.readme import README
from m3it_builder.records import SPLITS
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.atomic import is_partial
from m3it_builder.verify.findings import Tally


def check_inventory(folder: Path, manifests: Sequence[Manifest], tally: Tally) -> None:
    """Report unexpected and unfinished files in the folder of a task."""
    expected = {folder / path for path in _expected_paths(manifests)}
    for name in FORMATS:
        for path in sorted((folder / name).rglob("*")):
            if path.is_file() and path not in expected and not path.name.startswith("."):
                where = f"{folder.name}/{path.relative_to(folder).as_posix()}"
                tally.add("partial_file" if is_partial(path) else "stray_file", where, "")
    for path in _other_paths(folder):
        if path.is_file() and is_partial(path):
            tally.add("partial_file", f"{folder.name}/{path.relative_to(folder).as_posix()}", "")
    for split in SPLITS:
        meta = folder / "meta" / split
        if meta.is_dir() and any(meta.iterdir()) and not (meta / MANIFEST).exists():
            tally.add("manifest_missing", f"{folder.name}/meta/{split}", "")


def _other_paths(folder: Path) -> list[Path]:
    """Return paths of the task folder itself, of meta, and hidden ones among the shards."""
    hidden = [path for name in FORMATS for path in (folder / name).rglob(".*")]
    meta = [path for path in (folder / "meta").rglob("*") if STATE_FOLDER not in path.parts]
    return [*sorted(folder.glob("*")), *sorted(folder.glob(".*")), *sorted(hidden), *sorted(meta)]


def _expected_paths(manifests: Sequence[Manifest]) -> set[str]:
    paths = set()
    for manifest in manifests:
        for shard in manifest.shards:
            for name in manifest.plan.formats:
                paths.add(FORMATS[name].path(manifest.split, shard.shard))
        for name in manifest.plan.formats if manifest.shards else ():
            if name == "arrow":
                of_split = ("state.json", "dataset_info.json")
                paths.update(f"arrow/{manifest.split}/{file}" for file in of_split)
                paths.add("arrow/dataset_dict.json")
            elif FORMATS[name].folder_file:  # a README there would be taken for a shard
                paths.add(f"{name}/{README}")
    return paths
