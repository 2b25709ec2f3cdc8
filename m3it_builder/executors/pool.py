"""Worker processes of this machine, each with at most one job."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from m3it_builder.errors import BuildError
from m3it_builder.executors.child import start_child
from m3it_builder.executors.messages import MessageBuffer

_BLOCK_BYTES = 1 << 20
_GRACE_SECONDS = 5.0  # for removing partial files, before a worker is killed
_REMEDY = "repeat the command{}, finished work is kept"


class WorkerTraceback(Exception):  # noqa: N818 - the cause of an exception, as text
    """The traceback of an exception in a worker."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


class Worker:
    """A worker process and its pipes."""

    def __init__(self) -> None:
        self._process = process = start_child("m3it_builder.executors.worker")
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
        self._stdin, self._stdout = process.stdin, process.stdout
        self._messages = MessageBuffer()
        self._is_ready = False  # it has started and imported what it needs
        self.is_busy = False

    def fileno(self) -> int:
        """Return the descriptor on which messages arrive."""
        return self._stdout.fileno()

    def send(self, job: bytes) -> None:
        """Hand out a job, as a message.

        Raises:
            BuildError: the process has died.
        """
        self.is_busy = True
        # Not through the buffer of ``stdin``: what an interrupted write left in it would be
        # written by ``close``, which waits forever if the process is stopped.
        rest = memoryview(job)
        try:
            while rest:
                rest = rest[os.write(self._stdin.fileno(), rest) :]
        except BrokenPipeError as error:
            raise self._death() from error

    def receive(self) -> Iterator[tuple[Any, ...]]:
        """Yield the progress and the result of the job; wait until at least some bytes arrive.

        Raises:
            BuildError: the process has died.
            Exception: the job raised it.
        """
        block = os.read(self.fileno(), _BLOCK_BYTES)
        if not block:
            raise self._death()
        for kind, *content in self._messages.add(block):
            if kind == "ready":
                self._is_ready = True
                continue
            if kind == "error":
                raise content[0] from WorkerTraceback(content[1])
            self.is_busy = kind != "result"
            yield kind, *content

    def stop(self) -> None:
        """Ask for the end of the process; a running job is given up."""
        if self.is_busy:
            self._process.terminate()
        self._stdin.close()

    def wait(self, deadline: float) -> None:
        """Wait for the end of the process; kill it at a deadline, in monotonic seconds."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stdout.close()

    def _death(self) -> BuildError:
        """Return an error that says how the process ended."""
        self.is_busy = False
        code = self._process.wait()
        if not self._is_ready and code >= 0:
            return BuildError(
                f"a worker process did not start ({_ending(code)}); its error is printed above"
            )
        if code != -signal.SIGKILL:
            return BuildError(f"a worker process died ({_ending(code)}); {_REMEDY.format('')}")
        remedy = _REMEDY.format(" with fewer --workers")
        return BuildError(
            f"a worker process was killed ({_ending(code)}), possibly for lack of memory; {remedy}"
        )


class WorkerPool:
    """The workers of one run; leaving the context ends them."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> WorkerPool:
        return self

    def start(self, job: bytes) -> None:
        """Start a worker with its first job."""
        worker = Worker()
        self._workers.append(worker)
        self._selector.register(worker, selectors.EVENT_READ)
        worker.send(job)

    def messages(self) -> Iterator[tuple[Worker, tuple[Any, ...]]]:
        """Wait for messages, and yield those of each worker that has some."""
        for key, _ in self._selector.select():
            worker: Worker = key.fileobj  # type: ignore[assignment]
            for message in worker.receive():
                yield worker, message

    @property
    def is_busy(self) -> bool:
        """Return True while any worker has a job."""
        return any(worker.is_busy for worker in self._workers)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.stop()
        deadline = time.monotonic() + _GRACE_SECONDS
        for worker in self._workers:
            worker.wait(deadline)
        self._selector.close()


def _ending(code: int) -> str:
    """Return how a process ended, from its return code."""
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"
