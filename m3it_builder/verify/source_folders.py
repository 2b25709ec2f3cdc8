"""The folder of one source: its archives, and the layouts that apply to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from m3it_builder.cards.cards import SourceCard
from m3it_builder.verify.second_reader import ARCHIVES
from m3it_builder.verify.sources import Layouts


def archives_in(folder: Path, card: SourceCard | None) -> list[Path]:
    """Return the archives of a source: those in its folder, and in folders that its card names."""
    files = [Path(file.file) for file in card.files] if card else []
    folders = {folder, *(folder / file.parent for file in files)}
    return sorted(
        Path(entry.path)
        for each in folders
        for entry in _entries(each)
        if entry.name.lower().endswith(ARCHIVES) and entry.is_file()
    )


def resolved_layouts(folder: Path, layouts: Layouts) -> Iterator[tuple[str, str]]:
    """Yield the layouts; a leading ``*`` becomes each matching folder."""
    top_folders: list[str] | None = None
    for official, actual in layouts:
        top, slash, rest = actual.partition("/")
        if "*" not in top:
            yield official, actual
            continue
        if top_folders is None:
            top_folders = sorted(entry.name for entry in _entries(folder) if entry.is_dir())
        for name in top_folders:
            if fnmatch(name, top):
                yield official, name + slash + rest


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []
