"""Jobs run in this process or in workers, with the same results."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from m3it_builder.errors import BuildError
from m3it_builder.executors.local import (
    ProgressCallback,
    run,
    run_with_progress,
    worker_count,
)

TIMEOUT = 60  # seconds


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} was not created"
        time.sleep(0.01)


# Workers import the functions below by name, so they are at module level.


def process_id(_: object) -> int:
    return os.getpid()


def fail_on_three(job: int) -> int:
    if job == 3:
        raise ValueError("job 3 failed")
    return job


def kill_own_process(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def wait_or_return(job: tuple[str, Path]) -> str:
    action, path = job
    if action == "wait":
        wait_for(path)
    return action


def report_twice(job: int, progress: ProgressCallback) -> int:
    progress(job, 10)
    progress(job, 20)
    return job


def report_and_wait(job: Path, progress: ProgressCallback) -> str:
    progress(str(job))
    wait_for(job)
    return job.name


@pytest.mark.parametrize("workers", [1, 2])
def test_every_job_gives_one_result(workers: int) -> None:
    results = list(run(math.isqrt, range(100), workers))
    assert sorted(results) == sorted(map(math.isqrt, range(100)))


def test_results_come_in_order_of_completion(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    results = []
    for result in run(wait_or_return, [("wait", flag), ("return", flag)], 2):
        results.append(result)
        flag.touch()  # the first job ends only after the result of the second one has arrived
    assert results == ["return", "wait"]


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_reaches_the_parent(workers: int) -> None:
    received: list[tuple[int, int]] = []
    jobs = range(5)
    results = run_with_progress(
        report_twice, jobs, workers, lambda *counts: received.append(counts)
    )
    assert sorted(results) == list(jobs)
    assert sorted(received) == [(job, size) for job in jobs for size in (10, 20)]


def test_progress_arrives_while_the_job_runs(tmp_path: Path) -> None:
    jobs = [tmp_path / "one", tmp_path / "two"]
    # Each job waits for a file that its progress makes the parent create.
    results = run_with_progress(report_and_wait, jobs, 2, lambda path: Path(path).touch())
    assert sorted(results) == ["one", "two"]


@pytest.mark.parametrize("workers", [1, 2])
def test_exception_of_a_job_propagates(workers: int) -> None:
    with pytest.raises(ValueError, match="job 3 failed"):
        list(run(fail_on_three, range(100), workers))
    assert multiprocessing.active_children() == []


def test_killed_worker_is_one_clear_error() -> None:
    with pytest.raises(BuildError) as caught:
        list(run(kill_own_process, range(20), 2))
    message = str(caught.value)
    assert "a worker process was killed" in message
    assert "repeat the command with fewer --workers" in message
    assert "\n" not in message
    assert multiprocessing.active_children() == []


def test_one_worker_or_one_job_runs_in_this_process() -> None:
    assert set(run(process_id, range(3), 1)) == {os.getpid()}
    assert list(run(process_id, [0], 8)) == [os.getpid()]
    assert os.getpid() not in set(run(process_id, range(3), 2))


@pytest.mark.parametrize(("workers", "most_taken"), [(1, 1), (2, 8)])
def test_jobs_are_taken_lazily(workers: int, most_taken: int) -> None:
    taken = 0

    def jobs() -> Iterator[int]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield number

    results = run(math.isqrt, jobs(), workers)
    assert taken == 0
    next(results)
    # With two workers: four queued at first, and one for each of at most four finished ones.
    assert 1 <= taken <= most_taken


def test_no_jobs() -> None:
    assert list(run(math.isqrt, [], 2)) == []
    assert list(run(math.isqrt, iter(()), 2)) == []


def test_few_items_do_not_pay_for_workers() -> None:
    assert worker_count(8, 10) == 1
    assert worker_count(8, 5_000) == 2
    assert worker_count(8, 10**6) == 8
