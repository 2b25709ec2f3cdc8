"""The manifest of a unit: written last, so that its existence means "complete"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m3it_builder.errors import BuildError

FORMAT_VERSION = 1
NAME = "manifest.json"
_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a finished unit holds. It speaks of no path, time or name of the machine."""

    format_version: int
    task: str
    split: str
    card: dict[str, Any]  # the facts a reader needs: title, languages, licenses, published rows
    plan: dict[str, Any]
    options: dict[str, Any]
    toolchain: dict[str, str]
    examples: int  # source examples met; instances + rejects
    instances: int
    rejects: dict[str, int]  # by reason
    images: int
    image_bytes: int
    sources: dict[str, int]  # bytes of the source files, by name
    shards: list[dict[str, Any]]  # rows, and by format: path, bytes, digest
    index: dict[str, Any]  # path, bytes, digest
    reject_table: dict[str, Any]

    @property
    def formats(self) -> list[str]:
        """Return the formats this unit was built in."""
        return list(self.plan["formats"])

    @property
    def shard_bytes(self) -> int:
        """Return the size of all shards, in bytes."""
        return sum(file["bytes"] for shard in self.shards for file in shard["files"].values())


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest in one step, so that it is there whole or not at all."""
    partial = folder / f".{NAME}.partial"
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(folder / NAME)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a unit's ``meta`` folder, or None if it is not finished.

    Raises:
        BuildError: there is one, but not of a form this version reads.
    """
    path = folder / NAME
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BuildError(f"{path}: not valid JSON; build the unit again with --replace") from error
    if not isinstance(value, dict) or value.get("format_version") != FORMAT_VERSION:
        raise BuildError(
            f"{path}: written by another version of m3it_builder; build again with --replace"
        )
    try:
        return Manifest(**value)
    except TypeError as error:
        raise BuildError(f"{path}: keys are missing; build again with --replace") from error


def read_manifest_or_none(folder: Path) -> Manifest | None:
    """Return the manifest of a unit, or None where there is none that can be read."""
    try:
        return read_manifest(folder)
    except BuildError:
        return None


def readable_manifests(task_folder: Path) -> Iterator[Manifest]:
    """Yield the manifests that can be read; one that cannot is no finished unit."""
    for split in _SPLITS:
        if manifest := read_manifest_or_none(task_folder / "meta" / split):
            yield manifest


def task_folders(build: Path) -> list[Path]:
    """Return the task folders of a build, given its folder or that of one task.

    Raises:
        BuildError: there is no finished unit in it.
    """
    candidates = [build, *sorted(path for path in build.glob("*") if path.is_dir())]
    found = [path for path in candidates if any(path.glob(f"meta/*/{NAME}"))]
    if not found:
        raise BuildError(
            f"{build} holds no finished build (no meta/<split>/{NAME}); "
            "make one with `m3it build --task TASK`"
        )
    return found


def manifests(task_folder: Path) -> Iterator[Manifest]:
    """Yield the manifests of a task's finished units, train first."""
    for split in _SPLITS:
        if manifest := read_manifest(task_folder / "meta" / split):
            yield manifest
