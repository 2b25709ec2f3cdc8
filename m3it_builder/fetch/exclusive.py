"""One process at a time: locks in a folder of sources."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from m3it_builder.errors import SourceError
from m3it_builder.progress import Progress, Silent
from m3it_builder.sources.archive_index import INDEX_FOLDER

_POLL_SECONDS = 0.5


@contextmanager
def exclusive(sources: Path, name: str, progress: Progress | None = None) -> Iterator[None]:
    """Wait until no other process has the lock of this name, and keep it for the block.

    Args:
        sources: folder with one folder per source.
        name: what is locked; a source id, or the name of a file.
        progress: shows that the lock is waited for.

    Raises:
        SourceError: the file system has no locks.
    """
    folder = sources / INDEX_FOLDER  # not the source itself: its files are official ones
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a") as file:
        if not _try(file):
            progress = progress or Silent()
            progress.start(f"wait for another process that uses {name}", None)
            while not _try(file):
                time.sleep(_POLL_SECONDS)
                progress.advance(0)
            progress.finish()
        yield


def _try(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise SourceError(
            f"{file.name}: the file system cannot lock files ({error.strerror}); "
            "choose another --source"
        ) from error
    return True
