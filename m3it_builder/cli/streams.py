"""Standard streams that never fail a command: closed ones, broken pipes, odd encodings."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any, TextIO

_GONE = (errno.EPIPE, errno.EIO)  # the reader has ended; the terminal has hung up


def prepare_streams() -> None:
    """Make stdout and stderr safe to write to; call it once, before any file is opened.

    The exit status is that of the work, not that of its output: text for a closed stream, or
    for a pipe without a reader, is discarded. Characters that the encoding of the stream lacks
    are written as escapes.
    """
    _reserve_descriptors()
    if sys.stdout is sys.__stdout__:  # not replaced, by a test for example
        sys.stdout = _safe(sys.stdout, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _safe(sys.stderr, 2)


def _reserve_descriptors() -> None:
    """Open the null device under the numbers of closed standard streams.

    A file opened later would get such a number, and everything that a library prints would be
    written into that file: into a shard, for example.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            os.set_inheritable(number, True)


def _safe(stream: TextIO | None, number: int) -> TextIO:
    """Return a text stream on a descriptor; on the null device if there was no stream."""
    raw = _Discarding(number, "wb", closefd=False) if stream else open(os.devnull, "wb", 0)  # noqa: PTH123 - a device
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=number == 2 or raw.isatty(),
        write_through=getattr(stream, "write_through", False),
    )


class _Discarding(io.FileIO):
    """A raw stream that discards what can no longer be delivered."""

    def write(self, data: Any, /) -> int:
        """Write some bytes, waiting for a reader where the descriptor does not block."""
        try:
            while (written := super().write(data)) is None:
                select.select([], [self], [])
        except OSError as error:
            if error.errno not in _GONE:
                raise
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            return memoryview(data).nbytes
        return written
