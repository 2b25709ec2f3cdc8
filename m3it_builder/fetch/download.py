"""Download official files: resumed where broken off, verified, or said how to get by hand."""

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
from m3it_builder.tasks.registry import load_task

_PIECE = 1 << 20
_TIMEOUT = 60.0  # seconds without a byte
_TRIES = 4
_PAUSE = 1.0  # seconds before the second try; doubles each time


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one file."""

    source: str
    file: str
    state: str  # in words
    ok: bool
    bytes: int = 0
    manual: str = ""  # what to do by hand


class _Refused(Exception):  # noqa: N818 - stays in this module
    """One address did not give the file; says why."""


def cards_of(sources: Iterable[str], tasks: Iterable[str]) -> list[SourceCard]:
    """Return the source cards named directly, and those the tasks read.

    Raises:
        CardError: no source has one of the names.
        TaskNotFound: no task has one of the names.
    """
    cards: dict[str, SourceCard] = {}
    for name in sources:
        path = bundled("task_cards") / "sources" / f"{name}.yaml"
        if not path.exists():
            raise CardError(f"no source is called {name!r}; `m3it show TASK` names those of a task")
        cards[name] = load_source_card(path)
    for name in tasks:
        task = load_task(name)
        cards |= {source: task.sources[source] for source in task.card.sources}
    return list(cards.values())


def fetch_source(
    card: SourceCard, sources: Path, verify_only: bool = False, progress: Progress | None = None
) -> Iterator[Fetched]:
    """Bring every file of a source, or check those that are there; yield each as it is done."""
    progress = progress or Silent()
    folder = sources / card.name
    for file in card.files:
        target = _present(folder, file)
        declared = target is not None and target == folder / file.file
        if target is not None and is_repacked(target.name):
            yield Fetched(card.name, target.name, "there, repacked", True, target.stat().st_size)
        elif target is not None and (fault := _fault(target, file, declared)) is None:
            known = declared and (file.sha256 or file.md5)
            checked = "there, verified" if known else "there, no digest is known"
            yield Fetched(card.name, target.name, checked, True, target.stat().st_size)
        elif verify_only:
            state = "missing" if target is None else str(fault)
            yield Fetched(card.name, file.file, state, False)
        elif not file.url:
            state = "to be fetched by hand" if target is None else str(fault)
            yield Fetched(card.name, file.file, state, False, manual=file.manual)
        else:
            yield _fetch(card.name, file, folder, progress)


def repack_source(card: SourceCard, sources: Path, progress: Progress) -> Iterator[Fetched]:
    """Make a plain tar of every archive that cannot be read in place.

    Raises:
        SourceError: an archive is damaged.
    """
    catalog = Catalog(card, sources)
    for packed in catalog.packed():
        if packed.is_done:
            size = packed.target.stat().st_size
            yield Fetched(card.name, packed.whole, "repacked already", True, size)
        else:
            done = repack(packed, catalog, progress)
            yield Fetched(card.name, packed.whole, str(done), True, done.bytes)


def _present(folder: Path, file: SourceFile) -> Path | None:
    names = [folder / file.file, folder / file.file.removesuffix(".zip")]
    if repacked := repacked_name(file.file):
        names.append(folder / repacked)
    accepted = (path for pattern in file.accept for path in sorted(folder.glob(pattern)))
    return next((path for path in (*names, *accepted) if path.is_file()), None)


def _fetch(source: str, file: SourceFile, folder: Path, progress: Progress) -> Fetched:
    refusals = []
    for url in (file.url, *file.mirrors):
        target = folder / _local_name(file, url)
        try:
            _download(url, target, file, target == folder / file.file, progress)
        except _Refused as refusal:
            refusals.append(f"{urllib.parse.urlsplit(url).hostname}: {refusal}")
            continue
        return Fetched(source, target.name, "downloaded", True, target.stat().st_size)
    return Fetched(source, file.file, "; ".join(refusals), False)


def _local_name(file: SourceFile, url: str) -> str:
    """Return the name to store under: a mirror may hold the file without its zip."""
    bare = file.file.removesuffix(".zip")
    return bare if bare != file.file and url.endswith(bare) else file.file


def _download(
    url: str, target: Path, file: SourceFile, is_declared: bool, progress: Progress
) -> None:
    """Bring one file whole and verified, or leave only a partial file to go on from."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    pause = _PAUSE
    for attempt in range(1, _TRIES + 1):
        try:
            _append(url, partial, progress)
            break
        except (urllib.error.URLError, HTTPException, OSError, TimeoutError) as error:
            if (
                isinstance(error, urllib.error.HTTPError) and error.code < 500
            ) or attempt == _TRIES:
                raise _Refused(_words(error)) from error
            time.sleep(pause)
            pause *= 2
    if fault := _fault(partial, file, is_declared):
        partial.unlink()
        raise _Refused(fault)
    partial.replace(target)


def _append(url: str, partial: Path, progress: Progress) -> None:
    """Go on with a download where it broke off; start anew where the server cannot."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "m3it_builder"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = _open(request)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to send
            return
        raise
    with response, partial.open("ab" if response.status == 206 else "wb") as out:
        expected = response.headers.get("Content-Length")
        progress.start(f"fetch {partial.stem}", int(expected) if expected else None, "bytes")
        try:
            while data := response.read(_PIECE):
                out.write(data)
                progress.advance(len(data))
        finally:
            progress.finish()
        got = out.tell() - (have if response.status == 206 else 0)
    if expected is not None and got != int(expected):
        raise HTTPException(f"the connection broke after {got:,} of {int(expected):,} bytes")


def _open(request: urllib.request.Request) -> HTTPResponse:
    if urllib.parse.urlsplit(request.full_url).scheme not in ("http", "https"):
        raise _Refused("only http and https addresses are fetched")
    return cast(HTTPResponse, urllib.request.urlopen(request, timeout=_TIMEOUT))  # noqa: S310


def _fault(path: Path, file: SourceFile, is_declared: bool) -> str | None:
    """Say what is wrong with a file: that it is a web page, its size, its digest.

    Args:
        path: where it lies, under whatever name.
        file: what the source card says of it.
        is_declared: it is packed as the card says, so size and digest must fit.
    """
    with path.open("rb") as data:
        start = data.read(512).lstrip().lower()
        if start.startswith((b"<!doctype html", b"<html")):
            return "a web page came instead of the file: a quota, a login, or a moved address"
        if not is_declared:
            return None
        size = path.stat().st_size
        if file.bytes is not None and size != file.bytes:
            return f"has {size:,} bytes instead of {file.bytes:,}"
        kind, wanted = ("sha256", file.sha256) if file.sha256 else ("md5", file.md5)
        if wanted is None:
            return None
        data.seek(0)
        found = hashlib.file_digest(data, kind).hexdigest()
    return None if found == wanted else f"its {kind} is {found[:12]}… instead of {wanted[:12]}…"


def _words(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"cannot be reached ({error.reason})"
    return str(error) or type(error).__name__
