"""Scan the files of some units, over processes, keeping what was scanned before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from hashlib import blake2b
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from m3it_builder.adopt.scan import Scan, ScanJob, read_scan, scan
from m3it_builder.errors import BuildError, M3ITError, SourceError
from m3it_builder.progress import Progress

_Ticks = SimpleQueue[int]
_LOOK_SECONDS = 0.2
_WORTH_A_PROCESS = 64 << 20  # bytes; reading so much takes as long as starting one
_SCANNERS = ("spans", "fields", "scan", "../embedded")

_ticks: _Ticks | None = None  # of a worker process: where it reports to


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
        if min(workers, len(todo)) > 1 and total > _WORTH_A_PROCESS:
            found.update(_over_processes(todo, min(workers, len(todo)), progress))
        else:
            found.update({job.file: _outcome(job, progress) for job in todo})
    finally:
        progress.finish()
    return found


def _outcome(job: ScanJob, progress: Progress) -> Scan | M3ITError:
    try:
        return scan(job, progress.advance)
    except M3ITError as error:
        return error


def _over_processes(
    jobs: list[ScanJob], count: int, progress: Progress
) -> dict[str, Scan | M3ITError]:
    context = get_context("spawn")
    ticks: _Ticks = context.SimpleQueue()
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(ticks,))
    found: dict[str, Scan | M3ITError] = {}
    try:
        largest_first = sorted(jobs, key=_size, reverse=True)
        pending: dict[Future[Scan], ScanJob] = {pool.submit(_scan, j): j for j in largest_first}
        while pending:
            done, _ = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
            while not ticks.empty():
                progress.advance(ticks.get())
            for future in done:
                job = pending.pop(future)
                error = future.exception()
                found[job.file] = error if isinstance(error, M3ITError) else future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process was killed, perhaps for memory; repeat the command, which resumes, "
            "with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _size(job: ScanJob) -> int:
    return int(job.stamp[1])


@cache
def _code() -> str:
    here = Path(__file__).parent
    digest = blake2b(digest_size=8)
    for name in _SCANNERS:
        digest.update((here / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _start(ticks: _Ticks) -> None:
    global _ticks
    _ticks = ticks


def _scan(job: ScanJob) -> Scan:
    assert _ticks is not None  # noqa: S101 - set by the pool
    return scan(job, _ticks.put)
