"""Atomic writes: under the target's name there is a complete file or the previous one.

Content is written to a partial file beside the target, which is renamed over it at the end.
The name of a partial file has a nonce, so concurrent writers of one target never share one;
the last rename wins. A killed writer leaves its partial file behind.

A rename survives a killed process but not a power cut: the file system may store the new
name before the content. A file that is trusted because it exists needs ``fsync=True``:
manifests, shards, index parts and shard records, repacked and decompressed files, scans.
Files that are validated when read, or only reports, do not: READMEs, archive indexes,
hash caches. ``sync_folder`` makes the new names durable; call it once per folder, after
all renames.
"""

from __future__ import annotations

import errno
import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SUFFIX = ".partial"


def write_atomic(path: Path, data: bytes, *, fsync: bool = False) -> None:
    """Write a small file atomically; its folder is created if missing."""
    with atomic_path(path, fsync=fsync) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_path(target: Path, *, fsync: bool = False) -> Iterator[Path]:
    """Yield an empty partial file beside ``target``, which replaces it on success.

    On an exception the partial file is removed and an existing target stays as it is.
    The folder is created if missing; permissions are those of ``open`` under the umask.

    Args:
        target: the file to write or replace.
        fsync: flush the content to the disk before the rename, so that even after a
            power cut the target is never empty or truncated.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _create_partial(target)
    try:
        yield partial
        if fsync:
            sync_file(partial)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def is_partial(path: Path) -> bool:
    """Return True for the name of an unfinished file."""
    return path.name.endswith(_SUFFIX)


def remove_partials(target: Path) -> None:
    """Remove what killed writers of ``target`` left behind.

    Only for callers whose lock makes them the sole writer: the partial file of a
    running writer would be removed too, and its rename would fail.
    """
    for leftover in target.parent.glob(f".{glob.escape(target.name)}.*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)


@contextmanager
def without_leftovers(target: Path) -> Iterator[None]:
    """Remove partial files of ``target`` before the block, and after an exception in it.

    For writers with several partial files, whose names begin and end like that of the first;
    like ``remove_partials``, only for the sole writer.
    """
    remove_partials(target)
    try:
        yield
    except BaseException:
        remove_partials(target)
        raise


def sync_file(path: Path) -> None:
    """Flush the content of a closed file to the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk, so that finished renames survive a power cut."""
    try:
        _sync(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        # Some network and FUSE file systems cannot sync folders; PostgreSQL ignores it too.
        if error.errno not in (errno.EINVAL, errno.EBADF, errno.ENOTSUP):
            raise


def _create_partial(target: Path) -> Path:
    partial = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
    # Not ``tempfile.mkstemp``: its mode 0600 would stay, and lock other users out of the target.
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return partial


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
