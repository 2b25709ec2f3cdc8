"""The state of a unit before a build: up to date, stale, resumable, or new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from m3it_builder.build.fingerprint import (
    BuiltFrom,
    Fingerprint,
    annotation_states,
    changes,
    read_built_from,
    resolved_name,
)
from m3it_builder.build.source_state import are_archives_unchanged
from m3it_builder.build.spool_reader import ReadSpool
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.layout import MANIFEST, REJECTS
from m3it_builder.dataset.manifest import Manifest, read_manifest, readable_manifests
from m3it_builder.errors import BuildError, first_few
from m3it_builder.media.codecs import with_other_suffixes
from m3it_builder.records import File, Location
from m3it_builder.shards.formats import ImageEncoding
from m3it_builder.sources.catalog import Catalog

_MAY_CHANGE = [  # reasons that a new or repaired file removes
    "image_missing",
    "image_damaged",
    "image_truncated",
    "image_empty",
    "image_unknown",
    "image_undecodable",
]


def finished(
    unit: Unit, fingerprint: Fingerprint, catalogs: Mapping[str, Catalog], sources: Path
) -> Manifest | None:
    """Return the manifest of a finished unit that is up to date, or None if it is not finished.

    Raises:
        BuildError: the unit is stale, or some of its files are missing; the message names
            what has changed.
    """
    manifest = read_manifest(unit.meta)
    if manifest is None:
        return None
    missing = missing_files(unit.folder, manifest)
    if missing:
        raise BuildError(
            f"{unit.folder}: files of the finished {unit.name} are missing or have another "
            f"size: {first_few(missing)}. Rebuild the unit with --replace"
        )
    different = input_changes(unit, manifest, fingerprint, catalogs, sources)
    if different:
        raise BuildError(
            f"{unit.folder}: {unit.name} was built from other inputs; changed: "
            f"{'; '.join(different)}. Rebuild it with --replace, or choose another --out"
        )
    return manifest


def input_changes(
    unit: Unit,
    manifest: Manifest,
    fingerprint: Fingerprint,
    catalogs: Mapping[str, Catalog],
    sources: Path,
) -> list[str]:
    """Describe what has changed since a finished unit was built; empty if it is up to date."""
    changed = _changes(unit, fingerprint, catalogs, sources)
    return changed or _newly_usable(unit, manifest, catalogs)


def missing_files(task_folder: Path, manifest: Manifest) -> list[str]:
    """Return the files of a finished unit that are missing or have another size."""
    files = [file for shard in manifest.shards for file in shard.files.values()]
    return [
        file.path
        for file in (*files, manifest.index, manifest.reject_table)
        if _size(task_folder / file.path) != file.bytes
    ]


def can_resume(
    unit: Unit, fingerprint: Fingerprint, catalogs: Mapping[str, Catalog], sources: Path
) -> bool:
    """Return True if there is a complete spool that was built from the same inputs.

    Raises:
        CorruptSpoolError: there is one, but it cannot be read.
    """
    built_from = read_built_from(unit.work)
    if built_from is None or not unit.spool.exists():
        return False
    now = BuiltFrom(
        fingerprint=fingerprint,
        annotations=annotation_states(catalogs, built_from.annotations),
        sources=resolved_name(sources),
    )
    if built_from != now:
        return False
    since = unit.spool.stat().st_mtime_ns
    with closing(ReadSpool(unit.spool)) as spool:
        rejects = ((reject.reason, reject.detail) for _, reject in spool.rejects())
        is_usable_now = any(_usable_now(rejects, catalogs, since))
        return not is_usable_now and are_archives_unchanged(spool.facts)


def require_same_encoding(unit: Unit, images: ImageEncoding) -> None:
    """Require that finished splits of the task use the same image encoding.

    Raises:
        BuildError: one does not; no loader reads two encodings as one dataset.
    """
    for other in readable_manifests(unit.folder):
        if other.split != unit.split and other.plan.images != images:
            raise BuildError(
                f"{unit.folder}: {other.split} was built with --images {other.plan.images}, and "
                f"loaders need the same for all splits; add --images {other.plan.images}, or "
                "choose another --out"
            )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _changes(
    unit: Unit, fingerprint: Fingerprint, catalogs: Mapping[str, Catalog], sources: Path
) -> list[str]:
    built_from = read_built_from(unit.state)
    if built_from is None:
        return ["unknown, its local state is missing"]
    annotations = annotation_states(catalogs, built_from.annotations)
    now = BuiltFrom(fingerprint=fingerprint, annotations=annotations, sources=str(sources))
    return changes(built_from, now)


def _newly_usable(unit: Unit, manifest: Manifest, catalogs: Mapping[str, Catalog]) -> list[str]:
    """Describe a missing image that exists now, or an unusable one whose file has changed."""
    if not any(manifest.rejects.get(reason) for reason in _MAY_CHANGE):
        return []
    try:
        table = pq.read_table(
            unit.meta / REJECTS,
            columns=["reason", "detail"],
            filters=[("reason", "in", _MAY_CHANGE)],
            partitioning=None,
        )
    except (OSError, pa.ArrowException):
        return ["unknown, the list of rejects cannot be read"]
    built = (unit.meta / MANIFEST).stat().st_mtime_ns
    rejects = zip(table["reason"].to_pylist(), table["detail"].to_pylist(), strict=True)
    return list(islice(_usable_now(rejects, catalogs, built), 1))


def _usable_now(
    rejects: Iterable[tuple[str, str]], catalogs: Mapping[str, Catalog], since: int
) -> Iterator[str]:
    """Describe each rejected image that may be usable now.

    Args:
        rejects: pairs of reason and detail.
        catalogs: by source id.
        since: time of the rejection, in ns.
    """
    for reason, detail in rejects:
        if reason == "image_missing":
            if _exists(detail, catalogs):
                yield f"previously missing images exist now ({detail})"
        elif reason in _MAY_CHANGE:
            name = detail.partition(" ")[0]
            location = _find(name, catalogs)
            if isinstance(location, File) and Path(location.path).stat().st_ctime_ns > since:
                yield f"the files of previously unusable images have changed ({name})"


def _exists(name: str, catalogs: Mapping[str, Catalog]) -> bool:
    others = (with_other_suffixes(name, is_video) for is_video in (False, True))
    return any(_find(each, catalogs) for each in (name, *chain(*others)))


def _find(name: str, catalogs: Mapping[str, Catalog]) -> Location | None:
    source, _, rest = name.partition("/")
    return catalogs[source].find(rest) if source in catalogs else None
