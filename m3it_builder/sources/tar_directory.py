"""The members of a plain tar, streamed through the standard library.

Formats: POSIX ustar, pax and GNU tar.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice
from m3it_builder.sources.archives import Member, is_safe, normalize_name
from m3it_builder.sources.members import TAR_BLOCK

_MAX_HEADER_BYTES = 16 << 20  # of an extended header: long names and pax records
# What ``tarfile`` raises for malformed extended headers, beside its own errors.
_MALFORMED = (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError)


def tar_members(path: Path) -> Iterator[Member]:
    """Yield the entries of a plain tar, in archive order.

    Raises:
        SourceError: the tar is truncated or corrupt.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file, _open_tar(path, file) as tar:
            while (entry := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined] # else tarfile keeps every header
                # A negative size would send tarfile back to a header it has read already.
                if entry.size < 0 or tar.offset <= entry.offset:
                    raise _impossible(path, f"member {entry.name!r}")
                if tar.offset > size:
                    break
                if member := _member(path, entry, file):
                    yield member
            end = tar.offset
    except _MALFORMED as error:
        raise SourceError(
            f"{path}: truncated, or not a plain tar file ({error})", "download it again"
        ) from error
    # tarfile takes the end of the file for the end of the archive, which hides a truncation.
    if end > size or not _has_zero_block(path, end):
        raise SourceError(f"{path}: the tar file is truncated; download it again")


def _open_tar(path: Path, file: BinaryIO) -> tarfile.TarFile:
    return tarfile.open(str(path), "r:", fileobj=cast(IO[bytes], _BoundedReader(path, file)))


class _BoundedReader:
    """A tar file whose headers cannot ask for unbounded reads.

    The size field of an extended header is read into memory by ``tarfile``, negative ones
    (which mean "to the end of the file") included.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise _impossible(self._path, "an extended header")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _impossible(path: Path, what: str) -> SourceError:
    return SourceError(
        f"{path}: {what} has an impossible size; the tar is corrupt, download it again"
    )


def _member(path: Path, entry: tarfile.TarInfo, file: BinaryIO) -> Member | None:
    """Return a file, a hard link, or what replaces a file when unpacked; None for the rest."""
    name = normalize_name(_decode_name(entry.name))
    if entry.islnk():
        return Member(name, None, normalize_name(_decode_name(entry.linkname)))
    if not entry.isreg():
        # Nothing is read from these, so an unsafe name of theirs is no reason to refuse the tar.
        replaces = entry.issym() or entry.isdir() or entry.isdev()
        return Member(name, None) if replaces and is_safe(name) else None
    start, length = entry.offset_data, entry.size
    if _is_sparse(entry):  # the stored bytes are the parts that are not holes, and a map
        return Member(name, Slice(str(path), start, 0, 0, "sparse", None))
    header = os.pread(file.fileno(), TAR_BLOCK, start - TAR_BLOCK)
    crc = zlib.crc32(header)
    return Member(name, Slice(str(path), start, length, length, "tar", None, crc))


def _is_sparse(entry: tarfile.TarInfo) -> bool:
    # tarfile knows GNU's formats; star and Solaris mark theirs by these pax records.
    marks = ("GNU.sparse.", "SCHILY.realsize", "SUN.holesdata")
    return entry.issparse() or any(key.startswith(marks) for key in entry.pax_headers)


def _decode_name(name: str) -> str:
    """Return a name that is not UTF-8 as Latin-1: tarfile's surrogates cannot be encoded."""
    if name.isascii():
        return name
    raw = name.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _has_zero_block(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(TAR_BLOCK)
    return len(block) == TAR_BLOCK and not any(block)
