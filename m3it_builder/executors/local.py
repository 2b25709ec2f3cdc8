"""The same work on many values, here or over processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import Any, TypeVar

from m3it_builder.errors import BuildError

Job = TypeVar("Job")
Done = TypeVar("Done")
Tick = Callable[..., None]  # told of some counts since the last time
Work = Callable[[Job, Tick], Done]  # a function of a module, so that processes find it

_Ticks = SimpleQueue[tuple[Any, ...]]
_LOOK_SECONDS = 0.2

_ticks: _Ticks | None = None  # of a worker process: where it reports to


def run(
    work: Work[Job, Done], jobs: Iterable[Job], workers: int, tick: Tick = lambda *_: None
) -> Iterator[Done]:
    """Yield what comes of each job as it is done; the order is nobody's business.

    Args:
        work: done for each job.
        jobs: plain values, taken only as they are needed.
        workers: processes; with one, or one job, this process does the work.
        tick: told of progress, in this process, while the work goes on.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    count = min(workers, len(jobs)) if isinstance(jobs, Sized) else workers
    if count <= 1:
        for job in jobs:
            yield work(job, tick)
        return
    # A fresh interpreter per worker: forking a process that has threads is unsafe.
    context = get_context("spawn")
    ticks: _Ticks = context.SimpleQueue()
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(ticks,))
    queue = iter(jobs)
    try:
        pending = {pool.submit(_run, work, job) for job in islice(queue, 2 * count)}
        while pending:
            done, pending = _look(pending, ticks, tick)
            pending |= {pool.submit(_run, work, job) for job in islice(queue, len(done))}
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process was killed, perhaps for memory; repeat the command with fewer "
            "--workers, what is finished is kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _look(
    pending: set[Future[Done]], ticks: _Ticks, tick: Tick
) -> tuple[set[Future[Done]], set[Future[Done]]]:
    done, pending = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
    while not ticks.empty():
        tick(*ticks.get())
    return done, pending


def _start(ticks: _Ticks) -> None:
    global _ticks
    _ticks = ticks


def _run(work: Work[Job, Done], job: Job) -> Done:
    assert _ticks is not None  # noqa: S101 - set by the pool
    put = _ticks.put
    return work(job, lambda *counts: put(counts))
