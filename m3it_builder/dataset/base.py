"""The base of a sibling: the finished unit whose rows it has in other words, and whose images.

Both are folders of one output folder. A sibling's rows have the ids of its base, and are in
the shards of the same numbers, so that images are found without a search.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.dataset.manifest import Manifest, read_manifest
from m3it_builder.errors import BaseError, BuildError
from m3it_builder.storage.digest import file_digest


@dataclass(frozen=True, slots=True)
class BaseUnit:
    """A finished unit that has its images, with the digest of its manifest."""

    folder: Path  # of its task
    manifest: Manifest
    digest: str


def find_base(out: Path, task: str, split: str) -> BaseUnit:
    """Return the unit of a task in an output folder.

    Raises:
        BaseError: it is not built, or is a sibling itself.
        BuildError: its manifest is malformed.
    """
    folder = out / task
    meta = folder / "meta" / split
    manifest = read_manifest(meta)
    if manifest is None:
        raise BaseError(f"{task}/{split} is not built in {out}")
    if manifest.sibling is not None:
        raise BaseError(
            f"{task}/{split} in {out} has no images of its own, it is made from "
            f"{manifest.sibling.base}; make the sibling from that"
        )
    return BaseUnit(folder, manifest, manifest_digest(meta))


def base_of(task_folder: Path, unit: Manifest) -> BaseUnit:
    """Return the base of a sibling, as it is now.

    Raises:
        BaseError: it is not there any more, or is not a base.
    """
    if unit.sibling is None:
        raise BuildError(f"{task_folder}: {unit.name} is no sibling")
    try:
        return find_base(task_folder.parent, unit.sibling.base, unit.split)
    except BaseError as error:
        raise BaseError(
            f"{unit.name} has its images in {unit.sibling.base}, and {error}; build that again, "
            "or copy both folders together"
        ) from error


def manifest_digest(meta: Path) -> str:
    """Return the digest of the manifest in a ``meta`` folder; "" if there is none."""
    try:
        return file_digest(meta / MANIFEST, "blake3")
    except FileNotFoundError:
        return ""
