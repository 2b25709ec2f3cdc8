"""Open the source files of a task: its catalogs, and the source for its converter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from m3it_builder.records import Split
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.source import Source
from m3it_builder.tasks.registry import Task


def catalogs_of(task: Task, split: Split, root: Path, optional: bool = True) -> dict[str, Catalog]:
    """Return a catalog for each source that a split reads, by source id.

    Args:
        task: task whose card lists the sources.
        split: split to be read.
        root: folder with one subfolder per source.
        optional: include optional sources.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """
    root = root.absolute()
    ids = task.card.sources_of(split, optional)
    return {source_id: Catalog(task.sources[source_id], root) for source_id in ids}


def open_source(
    task: Task, split: Split, root: Path, catalogs: Mapping[str, Catalog] | None = None
) -> Source:
    """Return the source for the converter of a task and one split.

    Args:
        task: task with its options and source cards.
        split: split to be read.
        root: folder with one subfolder per source.
        catalogs: result of ``catalogs_of``, to avoid opening archives again.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """
    if catalogs is None:
        catalogs = catalogs_of(task, split, root)
    return Source(catalogs, split, task=task.name, options=task.options)
