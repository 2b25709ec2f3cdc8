"""Run packing jobs here, or over processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from m3it_builder.errors import BuildError
from m3it_builder.pack import PackJob, ShardDone, pack


def run_jobs(jobs: Sequence[PackJob], workers: int) -> Iterator[ShardDone]:
    """Yield the record of each job as it is done; the order is nobody's business.

    Raises:
        BuildError: a worker process was killed from outside.
    """
    if workers <= 1 or len(jobs) <= 1:
        yield from map(pack, jobs)
        return
    # A fresh interpreter per worker: forking a process that has threads is unsafe.
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn"))
    try:
        for future in as_completed([pool.submit(pack, job) for job in jobs]):
            yield future.result()
    except BrokenProcessPool as error:
        raise BuildError(
            "a worker process was killed, perhaps for memory; repeat the command, which resumes, "
            "with fewer --workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
