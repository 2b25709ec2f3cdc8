"""The worker process: one job per message on stdin, progress and results on stdout."""

from __future__ import annotations

import os
import pickle
import signal
import traceback
from typing import Any, BinaryIO

from m3it_builder.executors.messages import encode, read_message


class _Stopped(BaseException):
    """The parent asks for the end of this process; jobs remove their partial files."""


def main() -> None:
    """Run jobs until stdin ends, or until SIGTERM."""
    jobs, results = _own_pipes()
    signal.signal(signal.SIGTERM, _stop)
    try:
        _send(results, encode(("ready",)))
        while (job := read_message(jobs)) is not None:
            _send(results, _run(job, results))
    except (_Stopped, BrokenPipeError):
        # Nobody waits for results any more. Threads of native libraries may still be running,
        # so that an orderly end of the interpreter could take long.
        os._exit(128 + signal.SIGTERM)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes of jobs and results, under descriptors that no job can use by accident."""
    jobs, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as null:  # noqa: PTH123 - a device
        os.dup2(null.fileno(), 0)
    os.dup2(2, 1)  # what a library prints must not end up between the messages
    return jobs, results


def _stop(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
    raise _Stopped


def _send(results: BinaryIO, message: bytes) -> None:
    results.write(message)
    results.flush()


def _run(message: bytes, results: BinaryIO) -> bytes:
    """Run a job and return a message with its result or its exception."""

    def progress(*counts: Any) -> None:
        _send(results, encode(("progress", *counts)))

    try:
        work, job = pickle.loads(message)  # noqa: S301 - from the parent process
        return encode(("result", work(job, progress)))
    except Exception as error:  # noqa: BLE001 - raised again in the parent
        text = "".join(traceback.format_exception(error))
        return encode(("error", _picklable(error), text))


def _picklable(error: Exception) -> Exception:
    """Return an exception that survives the way to the parent."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled in the same line
    except Exception:  # noqa: BLE001 - whatever its constructor or __reduce__ raises
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
