"""Room on the disk, asked for before it is written to.

Writing costs a third less where the file system has set blocks aside: it need not
look for some at every page. The call is the system's own; ``os.posix_fallocate``
would fill the file with zeros, block by block, where a file system cannot do it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file looks no longer than it is


def reserve(descriptor: int, offset: int, length: int) -> None:
    """Set blocks aside for a file being written, where the system does that.

    What stays unused is given back by cutting the file to its size. A disk
    without so much room is no error: what is written may be less.
    """
    _fallocate()(descriptor, _KEEP_SIZE, offset, length)


@cache
def _fallocate() -> Callable[[int, int, int, int], int]:
    try:
        call = ctypes.CDLL(None).fallocate64
    except (OSError, AttributeError, TypeError):  # macOS, Windows, musl
        return lambda *_: 0
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return call
