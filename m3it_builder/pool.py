"""Run packing jobs here, or over processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue

from m3it_builder.errors import BuildError
from m3it_builder.pack import PackJob, ShardDone, Tick, pack

_Ticks = SimpleQueue[tuple[int, int, int]]
_LOOK_SECONDS = 0.2

_ticks: _Ticks | None = None  # of a worker process: where it reports to


def run_jobs(jobs: Sequence[PackJob], workers: int, tick: Tick) -> Iterator[ShardDone]:
    """Yield the record of each job as it is done; the order is nobody's business.

    Args:
        jobs: shards to be packed.
        workers: processes; with one, or one job, this process does the work.
        tick: told of rows, bytes and rejects, in this process, while the work goes on.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            yield pack(job, tick)
        return
    # A fresh interpreter per worker: forking a process that has threads is unsafe.
    context = get_context("spawn")
    ticks: _Ticks = context.SimpleQueue()
    count = min(workers, len(jobs))
    pool = ProcessPoolExecutor(count, context, initializer=_start, initargs=(ticks,))
    try:
        pending = {pool.submit(_pack, job) for job in jobs}
        while pending:
            done, pending = _look(pending, ticks, tick)
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process was killed, perhaps for memory; repeat the command, which resumes, "
            "with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _look(
    pending: set[Future[ShardDone]], ticks: _Ticks, tick: Tick
) -> tuple[set[Future[ShardDone]], set[Future[ShardDone]]]:
    done, pending = wait(pending, _LOOK_SECONDS, FIRST_COMPLETED)
    while not ticks.empty():
        tick(*ticks.get())
    return done, pending


def _start(ticks: _Ticks) -> None:
    global _ticks
    _ticks = ticks


def _pack(job: PackJob) -> ShardDone:
    assert _ticks is not None  # noqa: S101 - set by the pool
    return pack(job, lambda *counts: _ticks.put(counts))
