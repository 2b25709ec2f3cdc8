"""Response bodies as streams of chunks, checked while they arrive: beginning, length, encoding."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from m3it_builder.fetch.content import HEAD_BYTES
from m3it_builder.fetch.expected import Expected
from m3it_builder.fetch.http import RefusalError

_SPACE_INTERVAL = 64 << 20  # bytes between two looks at the free space
_MIN_FREE_BYTES = 1 << 30  # that a body of unknown length leaves on the disk


class NoSpaceError(Exception):
    """The disk is too full for a file, from whatever URL it comes."""


def require_space(folder: Path, needed: int, reusable: int = 0) -> None:
    """Require that a number of bytes fits on the disk.

    Args:
        folder: on that disk.
        needed: bytes to be written.
        reusable: bytes of a file that will be overwritten.

    Raises:
        NoSpaceError: they do not fit.
    """
    free = shutil.disk_usage(folder).free
    if needed > free + reusable:
        raise NoSpaceError(
            f"needs {needed:,} bytes, but only {free:,} are free on the disk; "
            "free some space and repeat the command, it resumes"
        )


def checked(chunks: Iterator[bytes], expected: Expected) -> Iterator[bytes]:
    """Yield a body whose first bytes are those of the file; read them before the first yield.

    Raises:
        RefusalError: the body is empty, or something else than the file.
    """
    head = b""
    for data in chunks:
        head += data
        if len(head) >= HEAD_BYTES:
            break
    if not head and expected.size != 0:
        raise RefusalError("sent an empty file")
    if problem := expected.head_problem(head[:HEAD_BYTES]):
        raise RefusalError(problem)
    yield head
    yield from chunks


def limited(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Yield a body of at most ``limit`` bytes.

    Raises:
        RefusalError: it is longer; the chunk that is too long is not yielded.
    """
    received = 0
    for data in chunks:
        received += len(data)
        if received > limit:
            raise RefusalError(f"sends more than the {limit:,} bytes that the file has")
        yield data


def sparing(chunks: Iterator[bytes], folder: Path) -> Iterator[bytes]:
    """Yield a body of unknown length, which may be endless, as long as the disk has space.

    Raises:
        NoSpaceError: it would fill the disk.
    """
    unchecked = _SPACE_INTERVAL
    for data in chunks:
        unchecked += len(data)
        if unchecked >= _SPACE_INTERVAL:
            require_space(folder, _MIN_FREE_BYTES)
            unchecked = 0
        yield data
