"""Checks run here, or over processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import TypeVar

from m3it_builder.errors import BuildError

_LOOK_SECONDS = 0.2

Job = TypeVar("Job")
Seen = TypeVar("Seen")
Tick = Callable[[int], None]
Work = Callable[[Job, Tick], Seen]  # a function of a module, so that processes find it

_ticks: SimpleQueue[int] | None = None  # of a worker process: where it reports to


def run(work: Work[Job, Seen], jobs: Sequence[Job], workers: int, tick: Tick) -> Iterator[Seen]:
    """Yield what came of each job, as it is done.

    Args:
        work: done for each job.
        jobs: plain values.
        workers: processes; with one, or one job, this process does the work.
        tick: told of bytes done, in this process, while the work goes on.

    Raises:
        BuildError: a worker process died.
    """
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield work(job, tick)
        return
    context = get_context("spawn")  # forking a process that has threads is unsafe
    ticks: SimpleQueue[int] = context.SimpleQueue()
    count = min(workers, len(jobs))
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(ticks,))
    try:
        pending = {pool.submit(_run, work, job) for job in jobs}
        while pending:
            done, pending = _look(pending, ticks, tick)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process died, for lack of memory or over a damaged file; repeat the command "
            "with --workers 1 to see which"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _look(
    pending: set[Future[Seen]], ticks: SimpleQueue[int], tick: Tick
) -> tuple[set[Future[Seen]], set[Future[Seen]]]:
    done, pending = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
    while not ticks.empty():
        tick(ticks.get())
    return done, pending


def _start(ticks: SimpleQueue[int]) -> None:
    global _ticks
    _ticks = ticks


def _run(work: Work[Job, Seen], job: Job) -> Seen:
    assert _ticks is not None  # noqa: S101 - set by the pool
    return work(job, _ticks.put)
