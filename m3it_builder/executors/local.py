"""Run jobs over worker processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from m3it_builder.executors.messages import encode
from m3it_builder.executors.pool import WorkerPool

Job = TypeVar("Job")
Result = TypeVar("Result")
ProgressCallback = Callable[..., None]  # receives the counts since the previous call

_ITEMS_PER_WORKER = 2_000  # images or rows that take as long as starting a worker


def run(work: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
    """Yield the result of each job on completion, in no particular order.

    Args:
        work: called with each job; a function of an importable module.
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

    The workers end with this iterator, and with this process, however it ends. Jobs that are
    running then are given up.

    Args:
        work: called with each job and a callback for its progress; a function of an importable
            module.
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
    messages = (encode((work, job)) for job in jobs)
    with WorkerPool() as pool:
        for message in islice(messages, count):
            pool.start(message)
        following = next(messages, None)  # made while workers are busy, not while one waits for it
        while pool.is_busy:
            results = []
            for worker, (kind, *content) in pool.messages():
                if kind == "progress":
                    progress(*content)
                    continue
                results.append(content[0])
                if following is not None:
                    worker.send(following)
                    following = next(messages, None)
            yield from results


def worker_count(workers: int, items: int) -> int:
    """Return how many of the allowed workers pay off for a number of images or rows."""
    return max(1, min(workers, items // _ITEMS_PER_WORKER))


def _without_progress(work: Callable[[Job], Result], job: Job, _: ProgressCallback) -> Result:
    return work(job)


def _ignore(*_: Any) -> None:
    pass
