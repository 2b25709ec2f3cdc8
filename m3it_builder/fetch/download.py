"""Download official files: resume, verify, try mirrors; print the steps for gated files."""

from __future__ import annotations

import hashlib
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import cast

from m3it_builder.cards.bundled import bundled
from m3it_builder.cards.cards import SourceCard, SourceFile, load_source_card
from m3it_builder.errors import CardError
from m3it_builder.fetch.repack import repack
from m3it_builder.progress import Progress, Silent
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.compressed import is_repacked, repacked_name
from m3it_builder.storage.atomic import sync_file
from m3it_builder.tasks.registry import load_task

_BLOCK = 1 << 20  # bytes
_TIMEOUT = 60.0  # seconds without a byte
_ATTEMPTS = 4
_PAUSE = 1.0  # seconds before the second attempt; doubles each time


@dataclass(frozen=True, slots=True)
class Fetched:
    """The result for one file."""

    source: str
    file: str
    message: str
    ok: bool
    bytes: int = 0
    manual: str = ""  # steps to get it manually


class _DownloadError(Exception):
    """One URL did not supply the file; the message says why."""


def source_cards(sources: Iterable[str], tasks: Iterable[str]) -> list[SourceCard]:
    """Return the cards of the given sources, and of the sources that the given tasks read.

    Raises:
        CardError: there is no such source.
        TaskNotFound: there is no such task.
    """
    cards: dict[str, SourceCard] = {}
    for name in sources:
        path = bundled("task_cards") / "sources" / f"{name}.yaml"
        if not path.exists():
            raise CardError(
                f"no source has the id {name!r}; `m3it show TASK` lists those of a task"
            )
        cards[name] = load_source_card(path)
    for name in tasks:
        task = load_task(name)
        cards |= {source: task.sources[source] for source in task.card.sources}
    return list(cards.values())


def fetch_source(
    card: SourceCard, sources: Path, verify_only: bool = False, progress: Progress | None = None
) -> Iterator[Fetched]:
    """Download the missing files of a source and verify the others; yield each when done."""
    progress = progress or Silent()
    folder = sources / card.name
    for file in card.files:
        path = _present(folder, file)
        is_declared = path is not None and path == folder / file.file
        if path is not None and is_repacked(path.name):
            yield Fetched(card.name, path.name, "present, repacked", True, path.stat().st_size)
        elif path is not None and (mismatch := _mismatch(path, file, is_declared)) is None:
            has_digest = is_declared and (file.sha256 or file.md5)
            message = "present, verified" if has_digest else "present, no digest is known"
            yield Fetched(card.name, path.name, message, True, path.stat().st_size)
        elif verify_only:
            message = "missing" if path is None else str(mismatch)
            yield Fetched(card.name, file.file, message, False)
        elif not file.url:
            message = "manual download required" if path is None else str(mismatch)
            yield Fetched(card.name, file.file, message, False, manual=file.manual)
        else:
            yield _fetch(card.name, file, folder, progress)


def repack_source(card: SourceCard, sources: Path, progress: Progress) -> Iterator[Fetched]:
    """Repack every archive of a source that cannot be read in place; yield each when done.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """
    catalog = Catalog(card, sources)
    for archive in catalog.compressed_archives():
        if archive.is_up_to_date:
            size = archive.target.stat().st_size
            yield Fetched(card.name, archive.name, "already repacked", True, size)
        else:
            repacked = repack(archive, catalog, progress)
            yield Fetched(card.name, archive.name, str(repacked), True, repacked.bytes)


def _present(folder: Path, file: SourceFile) -> Path | None:
    paths = [folder / file.file, folder / file.file.removesuffix(".zip")]
    if repacked := repacked_name(file.file):
        paths.append(folder / repacked)
    accepted = (path for pattern in file.accept for path in sorted(folder.glob(pattern)))
    return next((path for path in (*paths, *accepted) if path.is_file()), None)


def _fetch(source: str, file: SourceFile, folder: Path, progress: Progress) -> Fetched:
    failures = []
    for url in (file.url, *file.mirrors):
        target = folder / _local_name(file, url)
        try:
            _download(url, target, file, target == folder / file.file, progress)
        except _DownloadError as error:
            failures.append(f"{urllib.parse.urlsplit(url).hostname}: {error}")
            continue
        return Fetched(source, target.name, "downloaded", True, target.stat().st_size)
    return Fetched(source, file.file, "; ".join(failures), False)


def _local_name(file: SourceFile, url: str) -> str:
    """Return the name to store a download under: some mirrors have the unzipped file."""
    bare = file.file.removesuffix(".zip")
    return bare if bare != file.file and url.endswith(bare) else file.file


def _download(
    url: str, target: Path, file: SourceFile, is_declared: bool, progress: Progress
) -> None:
    """Download and verify one file; on failure keep a partial file to resume from.

    Raises:
        _DownloadError: the URL does not supply the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not ``atomic_path``: its partial files have unique names and cannot be resumed.
    partial = target.with_name(target.name + ".partial")
    pause = _PAUSE
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _append(url, partial, progress)
            break
        except (urllib.error.URLError, HTTPException, OSError, TimeoutError) as error:
            is_final = isinstance(error, urllib.error.HTTPError) and error.code < 500
            if is_final or attempt == _ATTEMPTS:
                raise _DownloadError(_describe(error)) from error
            time.sleep(pause)
            pause *= 2
    if mismatch := _mismatch(partial, file, is_declared):
        partial.unlink()
        raise _DownloadError(mismatch)
    sync_file(partial)  # a truncated download would count as complete after a power cut
    partial.replace(target)


def _append(url: str, partial: Path, progress: Progress) -> None:
    """Resume a download, or start over if the server does not support ranges."""
    offset = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "m3it_builder"})  # noqa: S310
    if offset:
        request.add_header("Range", f"bytes={offset}-")
    try:
        response = _open(request)
    except urllib.error.HTTPError as error:
        if error.code == 416 and offset:  # range not satisfiable: the file is complete
            return
        raise
    is_range = response.status == 206
    with response, partial.open("ab" if is_range else "wb") as out:
        expected = response.headers.get("Content-Length")
        progress.start(f"fetch {partial.stem}", int(expected) if expected else None, "bytes")
        try:
            while data := response.read(_BLOCK):
                out.write(data)
                progress.advance(len(data))
        finally:
            progress.finish()
        received = out.tell() - (offset if is_range else 0)
    # ``read(n)`` returns b"" when the connection breaks, as it does at the end of the body.
    if expected is not None and received != int(expected):
        raise HTTPException(f"the connection broke after {received:,} of {int(expected):,} bytes")


def _open(request: urllib.request.Request) -> HTTPResponse:
    # ``urlopen`` also opens file: URLs.
    if urllib.parse.urlsplit(request.full_url).scheme not in ("http", "https"):
        raise _DownloadError("only http and https URLs are supported")
    return cast(HTTPResponse, urllib.request.urlopen(request, timeout=_TIMEOUT))  # noqa: S310


def _mismatch(path: Path, file: SourceFile, is_declared: bool) -> str | None:
    """Return how a file differs from its card (a web page, another size or digest), or None.

    Args:
        path: of the file, under any name.
        file: its entry in the source card.
        is_declared: it is the declared file itself, not an unpacked or renamed copy, so
            that size and digest must match.
    """
    with path.open("rb") as data:
        start = data.read(512).lstrip().lower()
        if start.startswith((b"<!doctype html", b"<html")):
            return "a web page instead of the file: a quota, a login, or an address that moved"
        if not is_declared:
            return None
        size = path.stat().st_size
        if file.bytes is not None and size != file.bytes:
            return f"has {size:,} bytes instead of {file.bytes:,}"
        algorithm, expected = ("sha256", file.sha256) if file.sha256 else ("md5", file.md5)
        if expected is None:
            return None
        data.seek(0)
        actual = hashlib.file_digest(data, algorithm).hexdigest()
    if actual == expected:
        return None
    return f"its {algorithm} is {actual[:12]}… instead of {expected[:12]}…"


def _describe(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"cannot be reached ({error.reason})"
    return str(error) or type(error).__name__
