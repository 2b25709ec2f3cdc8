"""The same work on many images or rows, over as many processes as they are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from m3it_builder.executors.local import Done, Job, Tick, run

_WORTH = 2_000  # items: so many take as long as a process takes to start


def spread(work: Callable[[Job], Done], jobs: Iterable[Job], workers: int) -> Iterator[Done]:
    """Yield what comes of each job; see ``pool.run``, of which this is the case without ticks."""
    return run(partial(_untold, work), iter(jobs), workers)


def processes(workers: int, items: int) -> int:
    """Return how many processes so many images or rows are worth."""
    return max(1, min(workers, items // _WORTH))


def _untold(work: Callable[[Job], Done], job: Job, _: Tick) -> Done:
    return work(job)
