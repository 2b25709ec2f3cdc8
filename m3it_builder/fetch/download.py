"""Download official files: resume, verify, try mirrors; print the steps for gated files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import SourceCard, SourceFile, load_source_card
from m3it_builder.errors import UsageError
from m3it_builder.fetch.body import NoSpaceError
from m3it_builder.fetch.exclusive import exclusive
from m3it_builder.fetch.expected import Expected, expected_of, file_digest
from m3it_builder.fetch.http import InterruptionError, RefusalError
from m3it_builder.fetch.lock_file import LOCK_FILE, Entry, now, read_entries, record
from m3it_builder.fetch.partial import Partial
from m3it_builder.fetch.repack import repack
from m3it_builder.fetch.transfer import transfer
from m3it_builder.fetch.urls import host, public_url
from m3it_builder.progress import Progress, Silent
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.compressed import is_repacked, repacked_name
from m3it_builder.storage.atomic import is_partial, sync_file, sync_folder
from m3it_builder.tasks.registry import all_names, load_task


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result for one file."""

    source: str
    file: str
    message: str
    ok: bool
    bytes: int = 0
    manual: str = ""  # steps to get it manually


def source_cards(sources: Iterable[str], tasks: Iterable[str]) -> list[SourceCard]:
    """Return the cards of the given sources, and of the sources that the given tasks read.

    Raises:
        UsageError: there is no such source.
        TaskNotFound: there is no such task.
    """
    known = {path.stem: path for path in (bundled("task_cards") / "sources").glob("*.yaml")}
    cards: dict[str, SourceCard] = {}
    for name in sources:
        if name not in known:
            raise UsageError(f"no source has the id {name!r}; {_hint(name, sorted(known))}")
        cards[name] = load_source_card(known[name])
    for name in tasks:
        task = load_task(name)
        cards |= {source: task.sources[source] for source in task.card.sources}
    return list(cards.values())


def optional_cards(tasks: Iterable[str]) -> list[SourceCard]:
    """Return the cards of the optional sources of tasks, which are downloaded by name only."""
    loaded = [load_task(name) for name in tasks]
    return list(
        {name: one.sources[name] for one in loaded for name in one.card.optional_sources}.values()
    )


def _hint(name: str, sources: Sequence[str]) -> str:
    """Return what an unknown source id may mean."""
    if name in all_names():
        return f"it is a task, whose sources `m3it fetch --task {name}` downloads"
    near = get_close_matches(name, sources, n=3, cutoff=0.5)
    return (
        f"did you mean {' or '.join(near)}?" if near else "`m3it show TASK` lists those of a task"
    )


def fetch_source(
    card: SourceCard,
    sources: Path,
    verify_only: bool = False,
    update_lock: bool = False,
    progress: Progress | None = None,
) -> Iterator[Fetched]:
    """Download the missing files of a source and verify the others; yield each when done.

    Args:
        card: of the source.
        sources: folder with one folder per source, and the lock file.
        verify_only: download nothing.
        update_lock: accept files that differ from their first download, and record them.
        progress: receives the bytes that are downloaded or verified.

    Raises:
        SourceError: the lock file is invalid.
    """
    run = _Run(card, sources, verify_only, update_lock, progress or Silent())
    for file in card.files:
        result = run.present(file)
        if result is None:
            # Another process may be downloading it: then it is there when the lock is free.
            with exclusive(sources, card.name, run.progress):
                result = run.present(file) or run.download(file)
        yield result


def repack_source(card: SourceCard, sources: Path, progress: Progress) -> Iterator[Fetched]:
    """Repack every archive of a source that cannot be read in place; yield each when done.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """
    catalog = Catalog(card, sources)
    for archive in catalog.compressed_archives():
        # Another process may be repacking it: then it is up to date when the lock is free.
        with exclusive(sources, card.name, progress):
            repacked = None if archive.is_up_to_date else repack(archive, catalog, progress)
        message = str(repacked or "already repacked")
        size = repacked.bytes if repacked else archive.target.stat().st_size
        yield Fetched(card.name, archive.name, message, True, size)


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of ``fetch_source``."""

    card: SourceCard
    sources: Path
    verify_only: bool
    update_lock: bool
    progress: Progress

    @property
    def folder(self) -> Path:
        return self.sources / self.card.name

    def present(self, file: SourceFile) -> Fetched | None:
        """Return the result for a file that is present or cannot be downloaded; else None."""
        path = _find(self.folder, file)
        if path is None:
            if self.verify_only:
                return self._failed(file.file, "missing")
            if not file.url:
                return self._failed(file.file, "manual download required", file.manual)
            return None
        name = path.relative_to(self.folder).as_posix()
        if is_repacked(name):
            return self._done(name, "present, repacked")
        expected = self._expected(file, name)
        problem = expected.problem(path, self.progress)
        if problem is None:
            return self._done(name, self._describe(path, name, expected))
        if expected.is_recorded:  # it may be a file that was exchanged on purpose
            return self._failed(name, f"{problem}; delete it to download it again")
        if self.verify_only or not file.url:
            return self._failed(name, problem, "" if file.url else file.manual)
        return None

    def download(self, file: SourceFile) -> Fetched:
        """Download a file from the first of its URLs that supplies it."""
        failures = []
        for url in (file.url, *file.mirrors):
            name = _local_name(file, url)
            try:
                message = self._download(url, name, self._expected(file, name))
            except (RefusalError, InterruptionError) as error:
                failures.append(f"{host(url) or 'invalid URL'}: {error}")
            except NoSpaceError as error:
                return self._failed(file.file, str(error))
            else:
                return self._done(name, message)
        return self._failed(file.file, "; ".join(failures))

    def _download(self, url: str, name: str, expected: Expected) -> str:
        """Download and verify one file; if that fails, keep what can be resumed.

        Raises:
            RefusalError: the URL does not supply the file.
            InterruptionError: all attempts failed.
            NoSpaceError: the disk is too full.
        """
        partial = Partial(self.folder / name)
        partial.target.parent.mkdir(parents=True, exist_ok=True)
        received = transfer(url, partial, expected, self.progress)
        problem = expected.problem(partial.path, self.progress)
        if problem and received.is_pieced:
            # The pieces may be of different versions: download them again at once.
            partial.discard()
            received = transfer(url, partial, expected, self.progress)
            problem = expected.problem(partial.path, self.progress)
        if problem:
            partial.discard()
            raise RefusalError(problem)
        sync_file(partial.path)  # a truncated download would count as complete after a power cut
        message = "downloaded"
        if not expected.digest:
            self._record(partial.path, name, public_url(url), received.etag)
            message += f", sha256 recorded in {LOCK_FILE}"
        elif expected.is_recorded:
            message += ", equal to the first download"
        partial.commit()
        sync_folder(partial.target.parent)
        return message

    def _expected(self, file: SourceFile, name: str) -> Expected:
        entry = None if self.update_lock else read_entries(self.sources).get(self._key(name))
        return expected_of(file, name, entry)

    def _describe(self, path: Path, name: str, expected: Expected) -> str:
        if expected.is_recorded:
            return "present, equal to the first download"
        if expected.digest:
            return "present, verified"
        if not self.update_lock:
            return "present, no digest is known"
        self._record(path, name)
        return f"present, sha256 recorded in {LOCK_FILE}"

    def _record(self, path: Path, name: str, url: str = "", etag: str = "") -> None:
        digest = file_digest(path, "sha256", self.progress)
        entry = Entry(path.stat().st_size, digest, now(), url, etag)
        record(self.sources, self._key(name), entry)

    def _key(self, name: str) -> str:
        return f"{self.card.name}/{name}"

    def _done(self, name: str, message: str) -> Fetched:
        size = (self.folder / name).stat().st_size
        return Fetched(self.card.name, name, message, True, size)

    def _failed(self, name: str, message: str, manual: str = "") -> Fetched:
        return Fetched(self.card.name, name, message, False, manual=manual)


def _find(folder: Path, file: SourceFile) -> Path | None:
    """Return the file that supplies a declared file: itself, unpacked, repacked or renamed."""
    names = [file.file, file.file.removesuffix(".zip")]
    if repacked := repacked_name(file.file):
        names.append(repacked)
    entries = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    names += [
        entry
        for pattern in file.accept
        for entry in entries
        if fnmatch(entry, pattern) and not entry.startswith(".") and not is_partial(Path(entry))
    ]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _local_name(file: SourceFile, url: str) -> str:
    """Return the name to store a download under: some mirrors have the unzipped file."""
    bare = file.file.removesuffix(".zip")
    return bare if bare != file.file and url.endswith(bare) else file.file
