"""What is looked at before work begins: are the sources there, is the disk large enough."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from m3it_builder.build.plan import Plan
from m3it_builder.build.spool import ShardPlan
from m3it_builder.build.unit import Unit
from m3it_builder.errors import BuildError, SourceError
from m3it_builder.records import Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.tasks.registry import Task

_BASE64 = 4 / 3
_ROW_OVERHEAD = 1_024  # bytes a row: tar headers and padding, digests in the index


def require_sources(task: Task, split: Split, sources: Path) -> None:
    """See that something of every source of a split is there.

    Raises:
        SourceError: naming the missing files and the two ways on.
    """
    missing = []
    for name in task.card.sources_of(split, optional=False):
        catalog = Catalog(task.sources[name], sources)
        if catalog.is_absent():
            files = [file.file for file in task.sources[name].files]
            more = f" and {len(files) - 3} more" if len(files) > 3 else ""
            missing.append(f"{sources / name}/ ({', '.join(files[:3])}{more})")
        elif catalog.is_unread():
            raise SourceError(f"{sources / name}: {catalog.unread()}")
    if missing:
        raise SourceError(
            f"{task.name}/{split}: source files are missing: {'; '.join(missing)}. Get them with "
            f"`m3it fetch --task {task.name}`, name their folder with --source, or try the task "
            f"without any download: `m3it build --task {task.name} --sample`"
        )


def unread_archives(task: Task, split: Split, sources: Path) -> str:
    """Return hints on archives that cannot be read yet, each a sentence; empty where none is."""
    cards = (task.sources[name] for name in task.card.sources_of(split))
    hints = {card.name: Catalog(card, sources).unread() for card in cards}
    return "".join(f"{name}: {hint}. " for name, hint in hints.items() if hint)


def expected_bytes(shards: Iterable[ShardPlan], plan: Plan) -> int:
    """Return the disk space that shards will take, in all formats together, and their index."""
    rows = size = 0
    for shard in shards:
        rows += shard.rows
        size += shard.bytes
    factors = [
        _BASE64 if name == "jsonl" or plan.images == "base64" else 1.0 for name in plan.formats
    ]
    return int(size * sum(factors)) + rows * _ROW_OVERHEAD * (len(factors) + 1)


def require_disk(unit: Unit, needed: int) -> None:
    """See that the disk of a unit has room for so many bytes.

    Raises:
        BuildError: it has not; the message says how much is needed.
    """
    free = shutil.disk_usage(unit.work).free
    if needed > free:
        raise BuildError(
            f"{unit.out}: the disk is too full; {unit.name} needs about {needed / 1e6:,.1f} MB "
            f"and {free / 1e6:,.1f} MB are free. Free some space, or choose another --out"
        )
