"""The same work on many values, here or over processes, few of them in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

from m3it_builder.errors import BuildError

Job = TypeVar("Job")
Done = TypeVar("Done")
_WORTH = 2_000  # items: so many take as long as a process takes to start


def spread(work: Callable[[Job], Done], jobs: Iterable[Job], workers: int) -> Iterator[Done]:
    """Yield what comes of each job, in any order; jobs are taken only as they are needed.

    Args:
        work: a function of a module, so that it can be named to another process.
        jobs: picklable values.
        workers: processes; with one, this process does the work.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    if workers <= 1:
        yield from map(work, jobs)
        return
    queue = iter(jobs)
    pool = ProcessPoolExecutor(workers, get_context("spawn"))
    try:
        pending = {pool.submit(work, job) for job in islice(queue, 2 * workers)}
        while pending:
            done, pending = _first(pending)
            pending |= {pool.submit(work, job) for job in islice(queue, len(done))}
            for future in done:
                yield future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process was killed, perhaps for memory; repeat the command with fewer "
            "--workers, what is hashed already is kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def processes(workers: int, items: int) -> int:
    """Return how many processes so many pictures or rows are worth."""
    return max(1, min(workers, items // _WORTH))


def _first(pending: set[Future[Done]]) -> tuple[set[Future[Done]], set[Future[Done]]]:
    return wait(pending, return_when=FIRST_COMPLETED)
