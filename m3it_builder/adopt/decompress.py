"""Decompress data files once, because images are later read from the middle of them."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, cast

from m3it_builder.adopt.file_names import COMPRESSED
from m3it_builder.adopt.layout import Layout, PublishedUnit
from m3it_builder.adopt.scan import require_content
from m3it_builder.errors import SourceError
from m3it_builder.progress import Progress
from m3it_builder.sources.archives import list_members
from m3it_builder.sources.member_stream import is_decompression_bomb, open_slice
from m3it_builder.storage.atomic import atomic_path, remove_partials
from m3it_builder.storage.regular_files import open_regular

_BLOCK = 1 << 20
_MAX_SHARE_OF_DISK = 0.95  # of the free space: a full disk would stop more than this program
_CORRUPT = (EOFError, zlib.error, gzip.BadGzipFile)


def decompressed_name(name: str) -> str:
    """Return the name of a data file after decompression."""
    bare = name.removesuffix(".gz").removesuffix(".zip")
    return bare if bare.endswith(".jsonl") or bare == name else f"{bare}.jsonl"


def decompress(unit: PublishedUnit, layout: Layout, folder: Path, progress: Progress) -> Path:
    """Return the parent of a data folder in which all files of a unit are uncompressed.

    This is the root of the download, unless the unit has compressed files: these are
    decompressed below ``folder``, and its other files are linked beside them.

    Raises:
        SourceError: an archive is corrupt, does not contain exactly one data file, is a
            decompression bomb, or does not fit on the disk when decompressed.
    """
    if not any(name.endswith(COMPRESSED) for name in unit.files):
        return layout.root
    for name in unit.files:
        source, target = layout.path(name), folder / layout.data / decompressed_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(COMPRESSED):
            _decompress(source, target, progress)
        else:
            _link(source, target)
    return folder


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() and target.readlink() == source:
        return
    target.unlink(missing_ok=True)  # a link to another download, which may no longer exist
    target.symlink_to(source)


def _decompress(source: Path, target: Path, progress: Progress) -> None:
    state = source.stat()
    if target.exists() and target.stat().st_mtime_ns == state.st_mtime_ns:
        return
    require_content(source)
    remove_partials(target)  # of a killed run; as large as the target
    progress.start(f"{source.name} decompressing", None, "bytes")
    try:
        with atomic_path(target, fsync=True) as partial:
            limit = int(shutil.disk_usage(target.parent).free * _MAX_SHARE_OF_DISK)
            size = 0
            with closing(_open(source)) as stream, partial.open("wb") as file:
                while block := stream.read(_BLOCK):
                    size += len(block)
                    _require_bounded(source, size, state.st_size, limit)
                    file.write(block)
                    progress.advance(len(block))
            shutil.copystat(source, partial)
            # The time read before decompressing: a source that changed meanwhile is stale.
            os.utime(partial, ns=(state.st_mtime_ns, state.st_mtime_ns))
    except _CORRUPT as error:
        raise SourceError(f"{source}: truncated or corrupt ({error}); download it again") from error
    finally:
        progress.finish()


def _require_bounded(source: Path, size: int, stored_size: int, limit: int) -> None:
    if is_decompression_bomb(size, stored_size):
        raise SourceError(
            f"{source}: {stored_size:,} bytes decompress to more than {size:,}, which looks like "
            "a decompression bomb; download it again"
        )
    if size > limit:
        raise SourceError(
            f"{source}: does not fit on the disk of --out when decompressed ({limit:,} bytes may "
            "be used); free some space, or choose another --out"
        )


def _open(source: Path) -> BinaryIO:
    if source.suffix == ".gz":
        file = open_regular(source)
        stream = gzip.GzipFile(fileobj=file)
        stream.myfileobj = file  # type: ignore[assignment] # else it would not be closed
        return cast(BinaryIO, stream)
    members = list_members(source)
    found = [member.location for member in members if member.name.endswith(".jsonl")]
    if len(found) != 1 or found[0] is None:
        raise SourceError(
            f"{source}: expected one .jsonl file, found {len(found)}; extract it in its folder"
        )
    return open_slice(found[0])
