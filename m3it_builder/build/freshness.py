"""What is already there of a unit: finished, to be resumed, or made from something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from m3it_builder.build.fingerprint import changes, text_stamps
from m3it_builder.build.unit import Unit, read_stamp
from m3it_builder.dataset.manifest import NAME, Manifest, read_manifest, readable_manifests
from m3it_builder.errors import BuildError
from m3it_builder.records import File
from m3it_builder.sources.catalog import Catalog

_MAY_CHANGE = [
    "image_missing",
    "image_damaged",
    "image_truncated",
    "image_empty",
    "image_unknown",
    "image_undecodable",
]
_LOOKED_FOR = 200  # images that were missing, when a finished unit is judged


def finished(unit: Unit, parts: dict[str, Any], sources: Path) -> Manifest | None:
    """Return the manifest of a unit that is finished and up to date, None where there is none.

    Raises:
        BuildError: there is a finished unit, but something it was made from
            has changed, or files of it are gone; the message says what.
    """
    manifest = read_manifest(unit.meta)
    if manifest is None:
        return None
    gone = _gone(unit, manifest)
    if gone:
        raise BuildError(
            f"{unit.folder}: {gone[0]} of the finished {unit.name} is gone or has another size"
            f"{f', and {len(gone) - 1} more' if len(gone) > 1 else ''}. "
            "Build it anew with --replace"
        )
    different = _changes(unit, parts, sources) or _found_since(unit, manifest, sources)
    if different:
        raise BuildError(
            f"{unit.folder} already holds {unit.name}, made from something else; changed: "
            f"{'; '.join(different)}. Build it anew with --replace, or choose another --out"
        )
    return manifest


def can_resume(unit: Unit, parts: dict[str, Any], sources: Path) -> bool:
    """Tell whether a complete spool lies there that was made from the same things."""
    stamp = read_stamp(unit.work)
    texts = stamp.get("texts", {})
    return (
        unit.spool.exists()
        and stamp.get("parts") == parts
        and stamp.get("root") == str(sources.resolve())
        and texts == text_stamps(unit.task, unit.split, sources, list(texts))
    )


def require_alike(unit: Unit, images: str) -> None:
    """See that the other splits of the task hold images in the same form.

    Raises:
        BuildError: they do not; no loader reads two forms as one dataset.
    """
    for other in readable_manifests(unit.folder):
        if other.split != unit.split and other.plan["images"] != images:
            raise BuildError(
                f"{unit.folder} holds {other.split} with --images {other.plan['images']}, and "
                f"loaders need all splits alike; add --images {other.plan['images']}, or choose "
                "another --out"
            )


def _gone(unit: Unit, manifest: Manifest) -> list[str]:
    files = [file for shard in manifest.shards for file in shard["files"].values()]
    return [
        file["path"]
        for file in (*files, manifest.index, manifest.reject_table)
        if _size(unit.folder / file["path"]) != file["bytes"]
    ]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _changes(unit: Unit, parts: dict[str, Any], sources: Path) -> list[str]:
    stamp = read_stamp(unit.state)
    if not stamp.get("parts"):
        return ["unknown, its local state is gone"]
    texts = stamp.get("texts", {})
    now = text_stamps(unit.task, unit.split, sources, list(texts))
    return changes({**stamp["parts"], "texts": texts}, {**parts, "texts": now})


def _found_since(unit: Unit, manifest: Manifest, sources: Path) -> list[str]:
    """Say whether images that were missing are there by now, or unusable ones are others."""
    if not any(manifest.rejects.get(reason) for reason in _MAY_CHANGE):
        return []
    table = pq.read_table(
        unit.folder / manifest.reject_table["path"],
        columns=["reason", "detail"],
        filters=[("reason", "in", _MAY_CHANGE)],
    )
    built = (unit.meta / NAME).stat().st_mtime_ns
    catalogs: dict[str, Catalog] = {}
    for row in table.slice(0, _LOOKED_FOR).to_pylist():
        is_missing = row["reason"] == "image_missing"
        name = row["detail"] if is_missing else row["detail"].partition(" ")[0]
        source, _, rest = name.partition("/")
        if source not in unit.task.sources:
            continue
        if source not in catalogs:
            catalogs[source] = Catalog(unit.task.sources[source], sources)
        place = catalogs[source].find(rest)
        if is_missing and place is not None:
            return [f"images that were missing are there by now ({name})"]
        if isinstance(place, File) and Path(place.path).stat().st_ctime_ns > built:
            return [f"images that could not be used are others by now ({name})"]
    return []
