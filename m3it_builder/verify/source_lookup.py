"""Looks up official files by the names that a build keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from m3it_builder.cards.cards import SourceCard, SourceFile
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.errors import M3ITError
from m3it_builder.records import Location
from m3it_builder.sources.catalog import Catalog
from m3it_builder.tasks.registry import load_task


class SourceLookup:
    """Finds the source files of one unit, in any supported layout or archive."""

    def __init__(self, manifest: Manifest, sources: Path) -> None:
        self._manifest = manifest
        self._sources = sources
        self._cards = _source_cards(manifest.task)
        self._catalogs: dict[str, Catalog] = {}

    def find(self, name: str) -> Location | None:
        """Return the location of ``<source_id>/<path>``, or None if it is missing.

        Raises:
            M3ITError: an archive that may contain it is corrupt.
        """
        source, _, path = name.partition("/")
        if source not in self._catalogs:
            card = self._cards.get(source) or self._placeholder_card(source)
            self._catalogs[source] = Catalog(card, self._sources)
        return self._catalogs[source].find(path)

    def check_files(self) -> Iterator[tuple[str, str, str]]:
        """Yield (check, file, detail) for source files that are missing or of another size."""
        for name, expected in sorted(self._manifest.sources.items()):
            try:
                size = self._size(name)
            except M3ITError as error:
                yield "source_file", name, str(error)
                continue
            if size is None:
                yield "source_file", name, "missing"
            elif size != expected:
                yield "source_file", name, f"{size:,} bytes, {expected:,} when the build was made"

    def _size(self, name: str) -> int | None:
        path = self._sources / name
        if path.is_file():
            return path.stat().st_size
        location = self.find(name)  # moved to another layout, or into an archive
        return location.length if location else None

    def _placeholder_card(self, source: str) -> SourceCard:
        """Return a card for a source whose task is not installed, from the file names alone."""
        prefix = f"{source}/"
        names = [n.removeprefix(prefix) for n in self._manifest.sources if n.startswith(prefix)]
        files = tuple(SourceFile(file=name, manual="-") for name in names or ["-"])
        return SourceCard(name=source, title=source, license="-", files=files)


def _source_cards(task: str) -> Mapping[str, SourceCard]:
    try:
        return load_task(task).sources
    except M3ITError:
        return {}
