"""Holds a build against its sources: collects names, has files compared, reports.

Loose files first, then archives, then archives that ``m3it fetch --repack`` wrote: an
image is judged by what was found first, so that a repacked tar counts only for images
that its original, which is read as a stream, does not show.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from m3it_builder.cards.cards import SourceCard
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.errors import BuildError, M3ITError
from m3it_builder.executors.local import run_with_progress
from m3it_builder.progress import Progress
from m3it_builder.records import Frames, JsonObject
from m3it_builder.tasks.registry import load_task
from m3it_builder.verify.findings import Tally
from m3it_builder.verify.read_tables import batch_rows, table_batches
from m3it_builder.verify.source_compare import State, UnitFacts
from m3it_builder.verify.source_folders import archives_in, resolved_layouts
from m3it_builder.verify.source_refs import source_refs
from m3it_builder.verify.source_table import SourceTable
from m3it_builder.verify.sources import Layouts, SourceJob, SourceResult, check_sources
from m3it_builder.verify.stored_row import READ_ERRORS, ReadError, first_line

_INDEX_BATCH_ROWS = 256
_LOOSE_NAMES = 2_000  # in one job
_REPACKED = ".repacked.tar"
# Of verdicts from several archives; in any order of jobs the result is the same.
_WEIGHTS: Mapping[int, int] = {State.ABSENT: 0, State.SKIPPED: 1, State.WRONG: 2, State.EQUAL: 3}
_ADOPTED = "adopted: the images are inside lines of text"


@dataclass(frozen=True, slots=True)
class IndexedUnit:
    """A unit, and its index as far as it can be read."""

    manifest: Manifest
    index: Path
    groups: tuple[int, ...]  # readable row groups


@dataclass(slots=True)
class Comparison:
    """Counts of images; those of wrong and missing ones are findings."""

    compared: int = 0
    unchecked: Counter[str] = field(default_factory=Counter)  # by reason


def compare_with_sources(
    units: Sequence[IndexedUnit], sources: Path, workers: int, progress: Progress, tally: Tally
) -> Comparison:
    """Read every source file again, and compare it with the indexes of all units.

    Args:
        units: of a build.
        sources: folder with one folder per source.
        workers: number of processes.
        progress: receives two phases: names, and bytes of published images.
        tally: receives the findings.

    Raises:
        BuildError: there is no such folder.
    """
    if not sources.is_dir():
        raise BuildError(f"{sources} is not a folder; give --sources the folder of official files")
    comparison = Comparison()
    with tempfile.TemporaryDirectory(prefix="m3it-verify-") as folder:
        path = Path(folder).resolve() / "sources.sqlite"
        with closing(SourceTable(path)) as table:
            _collect(units, table, comparison, progress, tally)
            search = _Search(table, path, units, sources.absolute())
            search.run(workers, progress)
            _report(search, units, comparison, tally)
    return comparison


def _collect(
    units: Sequence[IndexedUnit],
    table: SourceTable,
    comparison: Comparison,
    progress: Progress,
    tally: Tally,
) -> None:
    """Add what the units have from sources to the table."""
    progress.start("names of sources", sum(unit.manifest.instances for unit in units))
    try:
        for position, unit in enumerate(units):
            for name, size in sorted(unit.manifest.sources.items()):
                table.add_size(position, name, size)
            try:
                for row in _index_rows(unit):
                    _collect_row(position, unit, row, table, comparison)
                    progress.advance(1)
            except (ReadError, *READ_ERRORS) as error:
                tally.add("index_unreadable", f"{unit.manifest.name} index", first_line(error))
        table.commit()
    finally:
        progress.finish()


def _collect_row(
    position: int, unit: IndexedUnit, row: JsonObject, table: SourceTable, comparison: Comparison
) -> None:
    if "adopted_from" in unit.manifest.options:
        comparison.unchecked[_ADOPTED] += len(row["images"] or ())
        return
    for ref in source_refs(row):
        table.add(position, ref)


def _index_rows(unit: IndexedUnit) -> Iterator[JsonObject]:
    if not unit.groups:  # reported already
        return
    with pq.ParquetFile(unit.index) as index:
        columns = ["id", "meta", "images"]
        for batch in table_batches(index, unit.groups, _INDEX_BATCH_ROWS, columns):
            yield from batch_rows(batch)


class _Search:
    """The state of all references while sources are read."""

    def __init__(
        self, table: SourceTable, path: Path, units: Sequence[IndexedUnit], sources: Path
    ) -> None:
        self.table = table
        self.states = bytearray(table.totals()[0] + 1)
        self.details: dict[int, str] = {}
        self.errors: dict[str, list[str]] = {}  # archives that cannot be read, by source
        self.facts = tuple(_facts(unit.manifest) for unit in units)
        self._path = path
        self._folder = sources
        self._cards = _cards({unit.manifest.task for unit in units})

    def run(self, workers: int, progress: Progress) -> None:
        """Look for the references in loose files, archives, and repacked archives."""
        total = _Total(progress, self.table.totals()[1])
        progress.start("sources", total.left, "bytes")
        try:
            for jobs in (self._loose_jobs, self._original_jobs, self._repacked_jobs):
                before = bytes(self.states)
                found = run_with_progress(check_sources, list(jobs()), workers, total.advance)
                for result in found:
                    self._merge(result, before)
            total.advance(total.left)
        finally:
            progress.finish()

    def _merge(self, result: SourceResult, before: bytes) -> None:
        """Keep the verdicts on references that were not found before this phase.

        A source may have a name in several archives: the image is one of them.
        """
        if result.error:
            self.errors.setdefault(result.source, []).append(result.error)
        for number, state in zip(result.numbers, result.states, strict=True):
            if before[number] or _WEIGHTS[state] < _WEIGHTS[self.states[number]]:
                continue
            self.states[number] = state
            if detail := result.details.get(number):
                self.details[number] = min(detail, self.details.get(number, detail))

    def _is_open(self, number: int) -> bool:
        return self.states[number] == State.ABSENT

    def _loose_jobs(self) -> Iterator[SourceJob]:
        layouts = {
            source: tuple(resolved_layouts(self._folder / source, self._layouts(source)))
            for source in self.table.sources(self._is_open)
        }
        for start in self.table.starts(_LOOSE_NAMES):
            yield self._job(layouts=layouts, first=start, count=_LOOSE_NAMES)

    def _original_jobs(self) -> Iterator[SourceJob]:
        return self._archive_jobs(is_repacked=False)

    def _repacked_jobs(self) -> Iterator[SourceJob]:
        return self._archive_jobs(is_repacked=True)

    def _archive_jobs(self, is_repacked: bool) -> Iterator[SourceJob]:
        for source in sorted(self.table.sources(self._is_open)):
            layouts = {source: self._layouts(source)}
            for path in archives_in(self._folder / source, self._cards.get(source)):
                if path.name.endswith(_REPACKED) == is_repacked:
                    yield self._job(layouts=layouts, source=source, archive=str(path))

    def _job(self, **values: object) -> SourceJob:
        return SourceJob(
            table=str(self._path),
            sources=str(self._folder),
            units=self.facts,
            **values,  # type: ignore[arg-type]
        )

    def _layouts(self, source: str) -> Layouts:
        card = self._cards.get(source)
        return tuple((each.official, each.actual) for each in card.layouts) if card else ()


class _Total:
    """Progress that ends at its total, although a name may be found in several archives."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self.left = total

    def advance(self, size: int) -> None:
        size = min(size, self.left)
        self.left -= size
        self._progress.advance(size)


def _facts(manifest: Manifest) -> UnitFacts:
    plan = manifest.plan
    return UnitFacts(manifest.toolchain.get("pillow"), plan.video, plan.max_pixels)


def _cards(tasks: Iterable[str]) -> Mapping[str, SourceCard]:
    """Return the source cards of the tasks that are installed; others have no layouts."""
    cards: dict[str, SourceCard] = {}
    for task in sorted(tasks):
        try:
            cards.update(load_task(task).sources)
        except M3ITError:
            continue
    return cards


def _report(
    search: _Search, units: Sequence[IndexedUnit], comparison: Comparison, tally: Tally
) -> None:
    """Count every image, and report those that are wrong or missing."""
    for number, reference in search.table.references():
        state = search.states[number]
        name = units[reference.unit].manifest.name
        if state == State.SKIPPED:
            selection = Frames(1) if reference.is_video else 0
            reason = search.facts[reference.unit].skip_reason(selection)
            comparison.unchecked[str(reason)] += reference.images
            continue
        if state != State.ABSENT:
            comparison.compared += reference.images
        if state == State.EQUAL:
            continue
        detail = search.details.get(number, "its bytes have changed")
        if state == State.ABSENT:
            errors = search.errors.get(reference.name.partition("/")[0], ())
            detail = "; ".join(("missing", *(f"cannot read {error}" for error in sorted(errors))))
        if reference.row_id is None:
            tally.add("source_file", f"{name} {reference.name}", detail)
        else:
            where = f"{name} {reference.name} ({reference.row_id})"
            tally.add("source_image", where, detail)
