"""Open the raw files of a task: its catalogs, and the source a converter reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from m3it_builder.records import Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.source import Source
from m3it_builder.tasks.registry import Task


def catalogs_of(task: Task, split: Split, root: Path, optional: bool = True) -> dict[str, Catalog]:
    """Return a catalog of every source that a split reads, by source id.

    Args:
        task: whose card lists the sources.
        split: of the task.
        root: folder with one folder per source.
        optional: include the card's optional sources.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """
    root = root.absolute()
    ids = task.card.sources_of(split, optional)
    return {source_id: Catalog(task.sources[source_id], root) for source_id in ids}


def open_source(
    task: Task, split: Split, root: Path, catalogs: Mapping[str, Catalog] | None = None
) -> Source:
    """Return the source that a task's converter reads for one split.

    Args:
        task: name, options and source cards.
        split: of the task.
        root: folder with one folder per source.
        catalogs: those of ``catalogs_of``, where the caller has them already.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """
    if catalogs is None:
        catalogs = catalogs_of(task, split, root)
    return Source(catalogs, split, task=task.name, options=task.options)
