"""Compares the images of a build with the official files they came from.

Nothing here is shared with the listing, the offsets and the index by which builds find
images: archives are read by ``second_reader``, and a file is found by the name in the
index, with layouts of the source card. Shared are the decoder of videos and Pillow, since
frames and cells of arrays exist only after decoding.
"""

from __future__ import annotations

import stat
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from unicodedata import normalize

from m3it_builder.storage.regular_files import open_regular
from m3it_builder.verify.hard_links import HardLinks, Ranked
from m3it_builder.verify.second_reader import ARCHIVE_ERRORS, Found, walk
from m3it_builder.verify.source_compare import Comparer, State, UnitFacts, Verdict
from m3it_builder.verify.source_table import Role, SourceTable, Wanted
from m3it_builder.verify.stored_row import first_line

_MAX_DETAILS = 1_000  # kept of one job
_ACTUAL = 1  # rank of a file found under another layout
_GUESSED = 2  # rank of a cell: ``#`` may also be part of a file name

Tick = Callable[[int], None]  # progress callback: bytes done since the last call
Layouts = tuple[tuple[str, str], ...]  # (official, actual) prefixes; see ``cards.Layout``


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceJob:
    """The arguments of ``check_sources``: an archive, or some names of loose files; picklable."""

    table: str  # path of a ``SourceTable``
    sources: str
    units: tuple[UnitFacts, ...]
    layouts: dict[str, Layouts]  # by source
    first: tuple[str, str] = ("", "")  # source and name of the first loose file
    count: int = 0  # of loose files
    source: str = ""
    archive: str = ""  # path; empty for loose files


@dataclass(slots=True)
class SourceResult:
    """What one job found, by number of the reference."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    states: bytearray = field(default_factory=bytearray)
    details: dict[int, str] = field(default_factory=dict)  # of wrong ones, the first
    source: str = ""
    error: str = ""  # why the archive could not be read to its end


_Add = Callable[[Ranked, Found], None]


def check_sources(job: SourceJob, tick: Tick) -> SourceResult:
    """Read source files, and compare them with what the indexes say.

    Args:
        job: what to read.
        tick: progress callback, in bytes of published images.
    """
    with closing(SourceTable.open(job.table)) as table, Comparer(job.units) as comparer:
        verdicts = _Verdicts(table.totals()[0], tick)
        add, error = partial(verdicts.add, comparer), ""
        if not job.archive:
            for source, name, wanted in table.slice(job.first, job.count):
                _check_loose(job, (source, name), wanted, add)
        else:
            try:
                _check_archive(job, table, verdicts, add)
            except ARCHIVE_ERRORS as failure:
                error = f"{Path(job.archive).name}: {first_line(failure)}"
        return verdicts.result(job.source, error)


def _check_loose(
    job: SourceJob, name: tuple[str, str], wanted: Sequence[Wanted], add: _Add
) -> None:
    source, path = name
    for rank, candidate in _loose_candidates(path, job.layouts.get(source, ())):
        # Some file systems store accented letters decomposed.
        for spelled in dict.fromkeys((candidate, normalize("NFD", candidate))):
            full = Path(job.sources, source, spelled)
            try:
                status = full.stat()
            except (OSError, ValueError):  # absent, or no possible name
                continue
            if stat.S_ISREG(status.st_mode):
                found = Found(path, status.st_size, partial(open_regular, full), path=full)
                add([(rank, one) for one in wanted], found)
                return


def _loose_candidates(path: str, layouts: Layouts) -> Iterator[tuple[int, str]]:
    yield 0, path
    for official, actual in layouts:
        if path.startswith(official):
            yield _ACTUAL, actual + path.removeprefix(official)


def _check_archive(job: SourceJob, table: SourceTable, verdicts: _Verdicts, add: _Add) -> None:
    """Compare every wanted member; a second pass compares what hard links are links to."""
    links = HardLinks()
    for position, found in enumerate(walk(Path(job.archive))):
        wanted = _wanted(job, table, found.name)
        if found.link:
            links.add(position, found.name, found.link, wanted)
        elif wanted:
            links.replace(found.name)
            if found.link is None:
                add(wanted, found)
            else:
                verdicts.discard(wanted)
    if origins := links.origins():
        for position, found in enumerate(walk(Path(job.archive))):
            spans = origins.get(found.name, ()) if found.link is None else ()
            for _, _, wanted in (span for span in spans if span[0] < position < span[1]):
                add(wanted, found)


def _wanted(job: SourceJob, table: SourceTable, name: str) -> Ranked:
    """Return what is wanted of an entry, whatever its name in the official archive."""
    return [
        (rank, one)
        for rank, official in _official_names(name, job.layouts.get(job.source, ()))
        for one in table.wanted(job.source, official)
    ]


def _official_names(actual: str, layouts: Layouts) -> Iterator[tuple[int, str]]:
    """Yield the names that a member may have in the official archive, its own one first."""
    yield 0, actual
    for official, prefix in layouts:
        top, slash, rest = prefix.partition("/")
        if "*" in top:
            own_top, own_slash, below = actual.partition("/")
            if own_slash == slash and fnmatch(own_top, top) and below.startswith(rest):
                yield _ACTUAL, official + below.removeprefix(rest)
        elif actual.startswith(prefix):
            yield _ACTUAL, official + actual.removeprefix(prefix)


class _Verdicts:
    """The verdicts of one job: a byte a reference, and the details of the first wrong ones."""

    def __init__(self, count: int, tick: Tick) -> None:
        self._states = bytearray(count + 1)
        self._touched = array("q")
        self._discarded: set[int] = set()  # touched ones that count as not found again
        self._details: dict[int, str] = {}
        self._tick = tick

    def add(self, comparer: Comparer, wanted: Ranked, found: Found) -> None:
        """Compare a file; of several members with one name the last counts, as in unpacking."""
        ranks = {(one.number, one.role): rank for rank, one in wanted}
        for one, verdict in comparer.compare([one for _, one in wanted], found):
            rank = ranks[one.number, one.role] + (_GUESSED if one.role == Role.CELL else 0)
            code = rank * len(State) + verdict.state
            known = self._states[one.number]
            if not known:
                if one.number in self._discarded:
                    self._discarded.remove(one.number)
                else:
                    self._touched.append(one.number)
                self._tick(0 if one.role == Role.SIZE else one.bytes)
            elif not _replaces(code, known):
                continue
            self._states[one.number] = code
            self._keep_detail(one.number, verdict)

    def discard(self, wanted: Ranked) -> None:
        """Forget the verdicts on a file that a later entry, which is no file, replaces."""
        for rank, one in wanted:
            code = self._states[one.number]
            if code and code // len(State) == rank + (_GUESSED if one.role == Role.CELL else 0):
                self._states[one.number] = State.ABSENT
                self._discarded.add(one.number)
                self._details.pop(one.number, None)

    def _keep_detail(self, number: int, verdict: Verdict) -> None:
        self._details.pop(number, None)
        if verdict.detail and len(self._details) < _MAX_DETAILS:
            self._details[number] = verdict.detail

    def result(self, source: str, error: str) -> SourceResult:
        """Return the verdicts, in the order in which the files were found."""
        states = bytearray(self._states[number] % len(State) for number in self._touched)
        return SourceResult(self._touched, states, self._details, source, error)


def _replaces(code: int, known: int) -> bool:
    """Return True if a verdict counts more than the known one."""
    rank, known_rank = code // len(State), known // len(State)
    if rank != known_rank:
        return rank < known_rank
    return rank % _GUESSED == 0 or code % len(State) == State.EQUAL
