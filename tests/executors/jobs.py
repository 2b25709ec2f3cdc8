"""Jobs and a program for the tests of worker processes; workers import them by name.

``python -m tests.executors.jobs NAME FOLDER`` runs a function of this module that ends in
``_program`` with the folder as its argument.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from m3it_builder.executors.local import ProgressCallback, run, run_with_progress
from m3it_builder.storage.atomic import atomic_path

WAIT = 120  # seconds; longer than any test waits


def touch_and_wait(path: Path) -> None:
    path.touch()
    time.sleep(WAIT)


def write_and_wait(target: Path) -> None:
    """Leave a file unfinished until the worker is asked to end."""
    with atomic_path(target) as partial:
        partial.write_bytes(b"unfinished")
        target.with_suffix(".started").touch()
        time.sleep(WAIT)


def wait_a_little(number: int) -> int:
    time.sleep(0.2)
    return number


def environment(name: str) -> str | None:
    return os.environ.get(name)


def raise_strange(_: object) -> None:
    raise StrangeError("file.jpg", 12)


def return_unpicklable(_: object) -> object:
    return threading.Lock()


def print_and_return(number: int) -> int:
    os.write(1, b"noise of a native library\n")
    sys.stdout.write("noise\n")
    sys.stdout.flush()
    return number


def read_stdin(_: object) -> bytes:
    return os.read(0, 10)


def end_with_status_seven(_: object) -> None:
    os._exit(7)


def ignored_signals(_: object) -> list[str]:
    names = ("SIGINT", "SIGHUP", "SIGTERM")
    numbers = [signal.Signals[name] for name in names]
    return [number.name for number in numbers if signal.getsignal(number) == signal.SIG_IGN]


def modules_from(folder: str) -> list[str]:
    """Return the modules that this process has imported from a folder."""
    paths = ((name, getattr(module, "__file__", None)) for name, module in sys.modules.items())
    return [name for name, path in paths if path and path.startswith(folder)]


class StrangeError(Exception):
    """An exception that cannot be unpickled."""

    def __init__(self, path: str, line: int) -> None:
        super().__init__(f"{path}:{line}")


def report_and_return(number: int, progress: ProgressCallback) -> bytes:
    for _ in range(2_000):
        progress(number, b"x" * 100)
    return bytes(3_000_000)


def waiting_program(folder: Path) -> None:
    """Start two workers that wait."""
    list(run(touch_and_wait, [folder / "one", folder / "two", folder / "three"], 2))


def forking_program(folder: Path) -> None:
    """Start two workers that wait, and a fork of this process that outlives it."""
    results = run(touch_and_wait, [folder / "one", folder / "two"], 2)
    threading.Thread(target=next, args=(results,), daemon=True).start()
    while not (folder / "two").exists():
        time.sleep(0.01)
    fork = os.fork()
    if not fork:
        time.sleep(WAIT)
        os._exit(0)
    (folder / "forked").write_text(str(fork))
    time.sleep(WAIT)


def threaded_program(folder: Path) -> None:
    """Start the workers in a thread that ends, and go on in the main thread."""
    results: Iterator[int] = run(wait_a_little, range(10), 2)
    received: list[int] = []
    thread = threading.Thread(target=lambda: received.append(next(results)))
    thread.start()
    thread.join()
    received += results
    (folder / "received").write_text(str(sorted(received)))


def threaded_waiting_program(folder: Path) -> None:
    """Start two workers that wait, from another thread than the main one."""
    threading.Thread(target=waiting_program, args=(folder,), daemon=True).start()
    time.sleep(WAIT)


def abandoning_program(folder: Path) -> None:
    """Leave the iterator by an exception while both workers write a file."""

    def abandon(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, abandon)
    started = [folder / "a.started", folder / "b.started"]

    def alarm() -> None:
        while not all(path.exists() for path in started):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGALRM)

    threading.Thread(target=alarm, daemon=True).start()
    try:
        list(run(write_and_wait, [folder / "a.bin", folder / "b.bin"], 2))
    except TimeoutError:
        return
    raise AssertionError("the alarm did not come")


def large_program(folder: Path) -> None:
    """Exchange much more than pipes can hold, in both directions."""
    jobs = [bytes(1_000_000)] * 6
    received: list[int] = []
    results = run_with_progress(_measure, jobs, 2, lambda number, _: received.append(number))
    total = sum(len(result) for result in results)
    (folder / "received").write_text(f"{len(received)} {total}")


def _measure(job: bytes, progress: ProgressCallback) -> bytes:
    return report_and_return(len(job), progress)


if __name__ == "__main__":
    from tests.executors import jobs  # under its own name, by which workers find its functions

    getattr(jobs, f"{sys.argv[1]}_program")(Path(sys.argv[2]))
