"""Room on the disk, asked for before it is written to.

Writing costs a third less where the file system has set blocks aside: it need not
look for some at every page. The call is the system's own; ``os.posix_fallocate``
would fill the file with zeros, block by block, where a file system cannot do it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from functools import cache

_KEEP_SIZE = 1  # FALLOC_FL_KEEP_SIZE: the file looks no longer than it is


_PLENTY = 1 << 30  # bytes; on a fuller disk they may be another file's to need


def reserve(descriptor: int, offset: int, length: int) -> bool:
    """Set blocks aside for a file being written, where the system does that.

    What stays unused is to be given back by cutting the file to its size.

    Returns:
        Whether it was done; if not, it will not be later either.
    """
    state = os.fstatvfs(descriptor)
    if state.f_bavail * state.f_frsize < _PLENTY:
        return False
    return _fallocate()(descriptor, _KEEP_SIZE, offset, length) == 0


@cache
def _fallocate() -> Callable[[int, int, int, int], int]:
    try:
        call = ctypes.CDLL(None).fallocate64
    except (OSError, AttributeError, TypeError):  # macOS, Windows, musl
        return lambda *_: -1
    call.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return call
