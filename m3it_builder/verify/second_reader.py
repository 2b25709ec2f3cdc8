"""A second reader of archives, sharing no code with the one that builds use.

Built on ``tarfile`` and ``zipfile`` of the standard library. Every archive is read once
from its beginning to its end: tars member by member, compressed tars and tars inside
archives as streams. Memory is that of one member header, and of a zip that of 10,000
entries of its directory, however many members there are.
"""

from __future__ import annotations

import lzma
import posixpath
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO
from unicodedata import normalize

from m3it_builder.verify.zip_excerpt import zip_excerpts

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
ARCHIVES = (".zip", *_TARS)
_MAX_DEPTH = 3  # of tars inside archives

# What the standard library raises for archives and members that it cannot read.
ARCHIVE_ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,  # a compression method
    RuntimeError,  # an encrypted member; RecursionError
    MemoryError,  # a header that asks for more than there is
)


@dataclass(frozen=True, slots=True)
class Found:
    """A loose file, or an entry of an archive: a regular file, a hard link, or neither.

    The last kind, a symbolic link, folder or device, replaces an earlier file of its name.
    """

    name: str  # normalized
    size: int  # bytes, as its header says
    open: Callable[[], IO[bytes]]  # valid until the next file is asked for
    link: str | None = None  # name of the earlier file whose content it has; "" for neither
    path: Path | None = None  # of a loose file


def walk(path: Path) -> Iterator[Found]:
    """Yield the entries of an archive in the order of its directory, inner tars included.

    Raises:
        ARCHIVE_ERRORS: it is truncated, corrupt or not an archive.
    """
    if path.name.lower().endswith(".zip"):
        yield from _walk_zip(path)
        return
    # "r:" seeks over the content of members that no one asks for; compressed tars are streams.
    mode = "r:" if path.name.lower().endswith(".tar") else "r|*"
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        yield from _walk_tar(tar, "", _MAX_DEPTH)


def normalized(name: str) -> str | None:
    """Return a relative name as it is compared: NFC, no ``./`` and ``//``.

    None for a name that is absolute or leads outside its folder.
    """
    if not name or name.startswith("/") or "\0" in name or ".." in name.split("/"):
        return None
    return normalize("NFC", posixpath.normpath(name))


def _member_name(name: str) -> str | None:
    try:
        name.encode()
    except UnicodeEncodeError:  # tarfile's spelling of bytes that are not UTF-8
        name = name.encode("utf-8", "surrogateescape").decode("latin-1")
    return normalized(name.replace("\\", "/"))


def _walk_zip(path: Path) -> Iterator[Found]:
    with path.open("rb") as file:
        for archive, entry in zip_excerpts(file):
            name = _member_name(entry.filename)
            if name is None or entry.is_dir():
                continue

            def content(archive: zipfile.ZipFile = archive, entry: zipfile.ZipInfo = entry
                        ) -> IO[bytes]:  # fmt: skip
                return archive.open(entry)

            yield from _expand(Found(name, entry.file_size, content), _MAX_DEPTH)


def _walk_tar(tar: tarfile.TarFile, folder: str, depth: int) -> Iterator[Found]:
    while (entry := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined] # else tarfile keeps every header
        # Else a negative size sends tarfile back to a header that it has read.
        if entry.size < 0 or tar.offset <= entry.offset:
            raise tarfile.ReadError(f"member {entry.name!r} has an impossible size")
        name = _in_folder(_member_name(entry.name), folder)
        if name is None:
            continue
        content = partial(_content, tar, entry)
        if entry.isreg():
            yield from _expand(Found(name, entry.size, content), depth)
        elif entry.islnk():
            target = _in_folder(_member_name(entry.linkname), folder)
            if target is not None:
                yield Found(name, 0, content, target)
        elif entry.issym() or entry.isdir() or entry.isdev():
            yield Found(name, 0, content, "")


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(entry) if entry.isreg() else None
    if file is None:
        raise tarfile.ReadError(f"{entry.name!r} has no content")
    return file


def _expand(found: Found, depth: int) -> Iterator[Found]:
    """Yield a file; of a tar, its files, in a folder of its name."""
    suffix = next((suffix for suffix in _TARS if found.name.endswith(suffix)), None)
    if suffix is None or not depth:
        yield found
        return
    inner = found.name.removesuffix(suffix) + "/"
    with found.open() as content, tarfile.open(fileobj=content, mode="r|*") as tar:
        yield from _walk_tar(tar, inner, depth - 1)


def _in_folder(name: str | None, folder: str) -> str | None:
    return name if name is None or name.startswith(folder) else folder + name
