"""Regular files only: a FIFO without a writer blocks its reader forever, a device has no end."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from m3it_builder.errors import M3ITError, SourceError

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def open_regular(path: Path, buffering: int = -1, error: type[M3ITError] = SourceError) -> BinaryIO:
    """Open a file for reading if it is a regular file, or a link to one.

    Args:
        path: of the file.
        buffering: as for ``open``.
        error: raised for anything else.

    Raises:
        OSError: it cannot be opened.
        M3ITError: it is not a regular file; nothing was opened.
    """
    _require_regular(path, path.stat(), error)
    # It may have been replaced since.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        _require_regular(path, os.fstat(descriptor), error)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering)


def _require_regular(path: Path, status: os.stat_result, error: type[M3ITError]) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise error(f"{path}: {kind} where a regular file is expected; put the file itself there")
