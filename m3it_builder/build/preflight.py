"""Checks before work begins: sources exist, and the disk has enough space."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from m3it_builder.build.plan import Plan
from m3it_builder.build.spool_reader import ShardPlan
from m3it_builder.build.unit import Unit
from m3it_builder.errors import BuildError, MissingSourcesError, SourceError, first_few
from m3it_builder.records import Split
from m3it_builder.shards.formats import FORMATS
from m3it_builder.sources.catalog import Catalog
from m3it_builder.tasks.registry import Task

_BASE64 = 4 / 3
_ROW_OVERHEAD = 1_024  # bytes per row: tar headers and padding, digests in the index


def require_sources(
    task: Task, split: Split, catalogs: Mapping[str, Catalog], sources: Path
) -> None:
    """Require that every mandatory source of a split has at least one readable file.

    Raises:
        MissingSourcesError: one has none; the message names the files and how to get them.
        SourceError: the only file of one must be repacked.
    """
    missing = {}
    for name in task.card.sources_of(split, optional=False):
        catalog = catalogs[name]
        if catalog.is_empty():
            files = [file.file for file in task.sources[name].files]
            missing[str(sources / name)] = first_few(files)
        elif catalog.needs_repack():
            raise SourceError(f"{sources / name}: {catalog.unreadable_hint()}")
    if missing:
        raise MissingSourcesError(task.name, (split,), missing)


def unreadable_archives(catalogs: Mapping[str, Catalog]) -> str:
    """Return hints about archives that must be repacked, each a sentence; empty if none."""
    hints = {name: catalog.unreadable_hint() for name, catalog in catalogs.items()}
    return "".join(f"{name}: {hint}. " for name, hint in hints.items() if hint)


def absent_sources(images: Iterable[str], catalogs: Mapping[str, Catalog], task: str) -> str:
    """Return a hint about optional sources without any file, as a sentence; empty if none.

    Args:
        images: names of missing images.
        catalogs: of the sources of the unit.
        task: name of the task.
    """
    sources = sorted({name.partition("/")[0] for name in images} & catalogs.keys())
    empty = [name for name in sources if catalogs[name].is_empty()]
    if not empty:
        return ""
    folders = ", ".join(f"{catalogs[name].folder}/" for name in empty)
    return (
        f"There are no files in {folders}: get them with `m3it fetch {' '.join(empty)}`, or see "
        f"`m3it show {task}` for other sources of these images. "
    )


def expected_bytes(shards: Iterable[ShardPlan], plan: Plan) -> int:
    """Return the disk space needed for shards in all formats, and for their index."""
    rows = size = 0
    for shard in shards:
        rows += shard.rows
        size += shard.bytes
    encodings = [FORMATS[name].image_encoding(plan.images) for name in plan.formats]
    factors = [_BASE64 if encoding == "base64" else 1.0 for encoding in encodings]
    return int(size * sum(factors)) + rows * _ROW_OVERHEAD * (len(factors) + 1)


def require_disk(unit: Unit, needed: int) -> None:
    """Require that the disk of a unit has this many bytes free.

    Raises:
        BuildError: it has fewer; the message gives both numbers.
    """
    free = shutil.disk_usage(unit.work).free
    if needed > free:
        raise BuildError(
            f"{unit.out}: not enough disk space; {unit.name} needs about {needed / 1e6:,.1f} MB "
            f"and {free / 1e6:,.1f} MB are free. Free some space, or choose another --out"
        )
