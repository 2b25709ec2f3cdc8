"""Scan the files of some units, over processes, keeping what was scanned before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from m3it_builder.adopt.scan import Scan, ScanJob, read_scan, scan
from m3it_builder.errors import M3ITError, SourceError
from m3it_builder.executors.local import Tick, run
from m3it_builder.progress import Progress

_WORTH_A_PROCESS = 64 << 20  # bytes; reading so much takes as long as starting one
_SCANNERS = ("json_spans", "fields", "scan", "../sources/base64_span")


def scan_job(path: Path, name: str, folder: Path) -> ScanJob:
    """Return the job of scanning one file.

    Args:
        path: of the file.
        name: relative to the data folder.
        folder: where scans are kept.

    Raises:
        SourceError: the file is gone.
    """
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: a link to a file that is gone; download it again") from error
    key = blake2b(name.encode(errors="surrogateescape"), digest_size=12).hexdigest()
    stamp: list[Any] = [name, state.st_size, state.st_mtime_ns, _code()]
    return ScanJob(file=str(path), rows=str(folder / f"{key}.rows"), stamp=stamp)


def survey(
    title: str, jobs: Iterable[ScanJob], workers: int, progress: Progress
) -> Mapping[str, Scan | M3ITError]:
    """Return, by file, its scan or what keeps it from being scanned.

    Args:
        title: of the progress bar.
        jobs: files to be scanned; the same one twice is scanned once.
        workers: processes at most.
        progress: told of bytes read.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    distinct = {job.file: job for job in jobs}
    found: dict[str, Scan | M3ITError] = {}
    for job in distinct.values():
        if (known := read_scan(job)) is not None:
            found[job.file] = known
    todo = [job for job in distinct.values() if job.file not in found]
    if not todo:
        return found
    total = sum(_size(job) for job in todo)
    progress.start(f"{title} reading", total, "bytes")
    try:
        largest_first = sorted(todo, key=_size, reverse=True)
        count = workers if total > _WORTH_A_PROCESS else 1
        found.update(run(_outcome, largest_first, count, progress.advance))
    finally:
        progress.finish()
    return found


def _outcome(job: ScanJob, tick: Tick) -> tuple[str, Scan | M3ITError]:
    try:
        return job.file, scan(job, tick)
    except M3ITError as error:
        return job.file, error


def _size(job: ScanJob) -> int:
    return int(job.stamp[1])


@cache
def _code() -> str:
    here = Path(__file__).parent
    digest = blake2b(digest_size=8)
    for name in _SCANNERS:
        digest.update((here / f"{name}.py").read_bytes())
    return digest.hexdigest()
