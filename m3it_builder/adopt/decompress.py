"""Packed files of rows are unpacked once, since images are read out of their middle later."""

from __future__ import annotations

import gzip
import os
import shutil
import zlib
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, cast

from m3it_builder.adopt.file_names import PACKED
from m3it_builder.adopt.layout import Layout, Part
from m3it_builder.adopt.scan import require_file
from m3it_builder.errors import SourceError
from m3it_builder.progress import Progress
from m3it_builder.sources.archives import list_members
from m3it_builder.sources.member_stream import open_slice

_BLOCK = 1 << 20
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)


def plain_name(name: str) -> str:
    """Return what a file of rows is called once it is unpacked."""
    bare = name.removesuffix(".gz").removesuffix(".zip")
    return bare if bare.endswith(".jsonl") or bare == name else f"{bare}.jsonl"


def root_of(part: Part, layout: Layout, spare: Path, progress: Progress) -> Path:
    """Return the folder in which all files of a unit lie plain, below the data folder's name.

    It is that of the download, unless one of them is packed: then they are unpacked,
    or linked, below ``spare``.

    Raises:
        SourceError: an archive is damaged, or holds other than one file of rows.
    """
    if not any(name.endswith(PACKED) for name in part.files):
        return layout.root
    for name in part.files:
        source, target = layout.path(name), spare / layout.data / plain_name(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(PACKED):
            _unpack(source, target, progress)
        else:
            _link(source, target)
    return spare


def _link(source: Path, target: Path) -> None:
    if target.is_symlink() and target.readlink() == source:
        return
    target.unlink(missing_ok=True)  # of another download, which may be gone
    target.symlink_to(source)


def _unpack(source: Path, target: Path, progress: Progress) -> None:
    state = source.stat()
    if target.exists() and target.stat().st_mtime_ns == state.st_mtime_ns:
        return  # made of this very archive
    require_file(source)
    partial = target.with_name(target.name + ".partial")
    progress.start(f"{source.name} unpacking", None, "bytes")
    try:
        with closing(_opened(source)) as packed, partial.open("wb") as file:
            while block := packed.read(_BLOCK):
                file.write(block)
                progress.advance(len(block))
    except _DAMAGED as error:
        partial.unlink(missing_ok=True)
        raise SourceError(f"{source}: cut short or damaged ({error}); download it again") from error
    finally:
        progress.finish()
    shutil.copystat(source, partial)
    os.utime(partial, ns=(state.st_mtime_ns, state.st_mtime_ns))
    partial.replace(target)


def _opened(source: Path) -> BinaryIO:
    if source.suffix == ".gz":
        return cast(BinaryIO, gzip.open(source, "rb"))
    members = [member for member in list_members(source) if member.name.endswith(".jsonl")]
    if len(members) != 1:
        raise SourceError(
            f"{source}: holds {len(members)} .jsonl files where one was looked for; "
            "unpack it where it lies"
        )
    return open_slice(members[0].location)
