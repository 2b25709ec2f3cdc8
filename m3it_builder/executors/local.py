"""Run jobs over worker processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Any, TypeVar

from m3it_builder.errors import BuildError

Job = TypeVar("Job")
Result = TypeVar("Result")
ProgressCallback = Callable[..., None]  # receives the counts since the previous call

_Ticks = SimpleQueue[tuple[Any, ...]]
_POLL_SECONDS = 0.2
_ITEMS_PER_WORKER = 2_000  # images or rows that take as long as starting a worker

# A queue reaches a worker only by inheritance, when the process starts; it cannot be pickled into
# a job. The pool's initializer receives it, and a module global is the one place where the jobs
# of the same worker find it later.
_ticks: _Ticks | None = None


def run(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
    """Yield the result of each job on completion, in no particular order.

    Args:
        work: called with each job; a module-level function, so that workers can import it.
        jobs: picklable values, consumed lazily.
        workers: number of processes; with one worker or one job, jobs run in this process.

    Raises:
        BuildError: a worker was killed.
    """
    return run_with_progress(partial(_without_progress, work), jobs, workers, _ignore)


def run_with_progress(
    work: Callable[[Job, ProgressCallback], Result],
    jobs: Iterable[Job],
    workers: int,
    progress: ProgressCallback,
) -> Iterator[Result]:
    """Yield the result of each job on completion, reporting progress while jobs run.

    Args:
        work: called with each job and a callback for its progress; a module-level function.
        jobs: picklable values, consumed lazily.
        workers: number of processes; with one worker or one job, jobs run in this process.
        progress: called in this process with whatever a job passes to its callback.

    Raises:
        BuildError: a worker was killed.
    """
    count = min(workers, len(jobs)) if isinstance(jobs, Sized) else workers
    if count <= 1:
        for job in jobs:
            yield work(job, progress)
        return
    # spawn, not fork: this process has threads (DuckDB, Arrow, progress bars), and a fork copies
    # their locks in whatever state they are in. It also behaves the same on every platform.
    context = get_context("spawn")
    ticks: _Ticks = context.SimpleQueue()
    pool = ProcessPoolExecutor(count, context, initializer=_set_ticks, initargs=(ticks,))
    queue = iter(jobs)
    try:
        pending = {pool.submit(_run, work, job) for job in islice(queue, 2 * count)}
        while pending:
            done, pending = _wait(pending, ticks, progress)
            pending |= {pool.submit(_run, work, job) for job in islice(queue, len(done))}
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process was killed, possibly for lack of memory; repeat the command with "
            "fewer --workers, finished work is kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def worker_count(workers: int, items: int) -> int:
    """Return how many of the allowed workers pay off for a number of images or rows."""
    return max(1, min(workers, items // _ITEMS_PER_WORKER))


def _wait(
    pending: set[Future[Result]], ticks: _Ticks, progress: ProgressCallback
) -> tuple[set[Future[Result]], set[Future[Result]]]:
    done, pending = wait(pending, _POLL_SECONDS, FIRST_COMPLETED)
    while not ticks.empty():
        progress(*ticks.get())
    return done, pending


def _set_ticks(ticks: _Ticks) -> None:
    global _ticks
    _ticks = ticks


def _run(work: Callable[[Job, ProgressCallback], Result], job: Job) -> Result:
    assert _ticks is not None  # noqa: S101 - set by the pool's initializer
    put = _ticks.put
    return work(job, lambda *counts: put(counts))


def _without_progress(work: Callable[[Job], Result], job: Job, _: ProgressCallback) -> Result:
    return work(job)


def _ignore(*_: Any) -> None:
    pass
