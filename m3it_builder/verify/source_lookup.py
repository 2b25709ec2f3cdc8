"""Official files, looked up by the names that a build keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from m3it_builder.cards.cards import SourceCard, SourceFile
from m3it_builder.errors import M3ITError
from m3it_builder.records import Location
from m3it_builder.sources.catalog import Catalog
from m3it_builder.tasks.registry import load_task
from m3it_builder.verify.manifest_schema import UnitClaim


class Raw:
    """Finds raw files of one unit, in whatever layout or archive they lie."""

    def __init__(self, claim: UnitClaim, sources: Path) -> None:
        self._claim = claim
        self._sources = sources
        self._cards = _cards(claim.task)
        self._catalogs: dict[str, Catalog] = {}

    def find(self, name: str) -> Location | None:
        """Return where a name lies, ``<source_id>/<path>``; None if it does not.

        Raises:
            M3ITError: an archive that may hold it is damaged.
        """
        source, _, rest = name.partition("/")
        if source not in self._catalogs:
            card = self._cards.get(source) or self._made_up(source)
            self._catalogs[source] = Catalog(card, self._sources)
        return self._catalogs[source].find(rest)

    def check_files(self) -> Iterator[tuple[str, str, str]]:
        """Yield (check, file, detail) for source files that are gone or of another size."""
        for name, size in sorted(self._claim.sources.items()):
            try:
                found = self._size(name)
            except M3ITError as error:
                yield "source_file", name, str(error)
                continue
            if found is None:
                yield "source_file", name, "it is not there"
            elif found != size:
                yield "source_file", name, f"{found:,} bytes, the build was made from {size:,}"

    def _size(self, name: str) -> int | None:
        path = self._sources / name
        if path.is_file():
            return path.stat().st_size
        location = self.find(name)  # moved to another layout, or into an archive
        return location.length if location else None

    def _made_up(self, source: str) -> SourceCard:
        """Return a card of a source whose task is not installed: its files are known by name."""
        start = f"{source}/"
        names = [n.removeprefix(start) for n in self._claim.sources if n.startswith(start)]
        files = tuple(SourceFile(file=name, manual="-") for name in names or ["-"])
        return SourceCard(name=source, title=source, license="-", files=files)


def _cards(task: str) -> Mapping[str, SourceCard]:
    try:
        return load_task(task).sources
    except M3ITError:
        return {}
