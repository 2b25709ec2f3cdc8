"""Processes of a test, found by a mark in their environment, also after their parent has died."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

_MARK = "M3IT_TEST_MARK"


def _heed_hangups() -> None:
    """Undo what a process inherits if the tests run under ``nohup``."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")


class Marked:
    """A process and all processes that it starts."""

    def __init__(
        self, words: Sequence[str | Path], env: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        self._mark = f"{_MARK}={secrets.token_hex(8)}"
        name, _, value = self._mark.partition("=")
        self.process: subprocess.Popen[str] = subprocess.Popen(
            list(map(str, words)),
            env={**os.environ, **(env or {}), name: value},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_hangups,
            **options,
        )

    def running(self) -> list[int]:
        """Return the ids of all processes that run, zombies left out."""
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if self._is_ours(path)]

    def children(self) -> list[int]:
        """Return the ids of all processes but the first."""
        return [number for number in self.running() if number != self.process.pid]

    def await_children(self, count: int, seconds: float = 60) -> list[int]:
        """Return the ids of the children once there are so many."""
        wait_until(lambda: len(self.children()) >= count, seconds)
        return self.children()

    def await_end(self, seconds: float) -> list[int]:
        """Return the processes that still run after some time; none, as soon as none runs."""
        deadline = time.monotonic() + seconds
        while (numbers := self.running()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return numbers

    def finish(self, seconds: float = 280) -> tuple[int, str]:
        """Wait for the end of the first process; return its status and standard error."""
        _, stderr = self.process.communicate(timeout=seconds)
        return self.process.returncode, stderr

    def kill_all(self) -> None:
        """Kill what is left, so that a failed test leaves no process behind."""
        for number in self.running():
            send(number, signal.SIGKILL)
        self.process.communicate()

    def _is_ours(self, path: Path) -> bool:
        try:
            state = path.joinpath("stat").read_text().rpartition(")")[2].split()[0]
            return state != "Z" and self._mark.encode() in path.joinpath("environ").read_bytes()
        except OSError:
            return False  # it has ended, or belongs to somebody else


def send(number: int, kind: signal.Signals) -> None:
    """Send a signal to a process, which may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(number, kind)


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing happened in {seconds:g} s"
        time.sleep(0.005)


def m3it(*words: str | Path) -> list[str]:
    """Return a command line that runs ``m3it``."""
    return [sys.executable, "-m", "m3it_builder", *map(str, words)]
