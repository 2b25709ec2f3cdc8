"""Repack an archive that cannot be read in place as one plain tar.

Members are streamed: nothing is unpacked to disk, and memory stays flat for archives of
any size. Tars inside are opened on the way; their members go into a folder of their name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from m3it_builder.cards.suffixes import COMPRESSED
from m3it_builder.errors import SourceError
from m3it_builder.progress import Progress
from m3it_builder.sources.archives import is_safe, list_members, normalize_name, path_traversal
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.compressed import CompressedArchive
from m3it_builder.sources.member_stream import open_slice
from m3it_builder.storage.atomic import atomic_path, remove_partials

_BLOCK = 1 << 20  # bytes
_MAX_DEPTH = 3  # of tars inside tars; genuine sources have two
# What reading a truncated or corrupt archive raises.
_CORRUPT = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Repacked:
    """The result of repacking one archive."""

    target: Path
    files: int
    bytes: int  # of all files
    skipped: dict[str, int]  # members by kind: links, devices

    def __str__(self) -> str:
        skipped = "".join(f", {count:,} {kind} skipped" for kind, count in self.skipped.items())
        return f"repacked as {self.target.name}, {self.files:,} files{skipped}"


def repack(archive: CompressedArchive, catalog: Catalog, progress: Progress) -> Repacked:
    """Write the plain tar of one archive atomically.

    The same parts give the same bytes: owner, mode and mtime of members are dropped. The
    tar gets the mtime of its newest part, by which ``is_up_to_date`` recognizes it.

    Raises:
        SourceError: the archive is truncated or corrupt, or a member name is a path
            traversal.
    """
    # Left by a killed run, and as large as the archive; the lock of the caller makes this process
    # the only writer.
    remove_partials(archive.target)
    progress.start(f"repack {archive.name}", archive.compressed_size, "bytes")
    try:
        with atomic_path(archive.target, fsync=True) as unfinished:
            repacked = _write(archive, catalog, unfinished, progress)
            os.utime(unfinished, ns=(archive.mtime_ns, archive.mtime_ns))
    except _CORRUPT as error:
        raise SourceError(
            f"{catalog.folder / archive.name}: truncated or corrupt ({error}); download it again"
        ) from error
    finally:
        progress.finish()
    return repacked


def _write(
    archive: CompressedArchive, catalog: Catalog, unfinished: Path, progress: Progress
) -> Repacked:
    tally = _Tally(catalog.folder / archive.name)
    with tarfile.open(unfinished, mode="w", format=tarfile.PAX_FORMAT) as out:
        for name, size, content in _files(archive, catalog, tally, progress):
            entry = tarfile.TarInfo(name)
            entry.size = size
            out.addfile(entry, content)
            out.members = []  # type: ignore[attr-defined] # else tarfile keeps every header
            tally.files += 1
            tally.bytes += size
    if not tally.files:
        raise SourceError(f"{tally.archive}: contains no files; download it again")
    return Repacked(archive.target, tally.files, tally.bytes, dict(tally.skipped))


class _Tally:
    """Counts of the members of one archive."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.files = 0
        self.bytes = 0
        self.skipped: Counter[str] = Counter()


_File = tuple[str, int, IO[bytes]]  # name, bytes, content


def _files(
    archive: CompressedArchive, catalog: Catalog, tally: _Tally, progress: Progress
) -> Iterator[_File]:
    if archive.name.endswith(".zip"):
        for member in list_members(catalog.folder / archive.name):
            location = member.location
            if location is None:  # a hard link, of which a zip has none
                continue
            with open_slice(location) as content:
                yield from _expand(member.name, location.length, content, tally, _MAX_DEPTH)
            progress.advance(location.stored_length)
        return
    parts = (partial(catalog.open, name) for name in archive.part_names)
    stream = cast(IO[bytes], io.BufferedReader(_Concatenation(parts, progress.advance), _BLOCK))
    yield from _tar_files(archive.name, stream, "", tally, _MAX_DEPTH)


def _tar_files(
    name: str, compressed: IO[bytes], folder: str, tally: _Tally, depth: int
) -> Iterator[_File]:
    """Yield the files of a tar, and require that it is complete.

    Raises:
        EOFError: it has no end-of-archive block.
    """
    stream = _CountingReader(_decompress(name, compressed))
    with tarfile.open(fileobj=cast(Any, stream), mode="r|", bufsize=_BLOCK) as tar:
        while (entry := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined] # else tarfile keeps every header
            if entry.isreg():
                content = tar.extractfile(entry)
                assert content is not None  # noqa: S101 - a regular file has content
                inner = normalize_name(entry.name)
                if not is_safe(inner):
                    raise path_traversal(tally.archive, entry.name)
                inner = inner if inner.startswith(folder) else folder + inner
                yield from _expand(inner, entry.size, content, tally, depth)
            elif not entry.isdir():
                tally.skipped["links" if entry.issym() or entry.islnk() else "devices"] += 1
        end = tar.offset
    # tarfile stops at the end-of-archive block; the checksum of the compressed stream is after it.
    while stream.read(_BLOCK):
        pass
    # tarfile takes the end of the stream for the end of the archive, which hides a truncation.
    if stream.count < end + tarfile.BLOCKSIZE:
        raise EOFError("no end-of-archive block")


def _expand(name: str, size: int, content: IO[bytes], tally: _Tally, depth: int) -> Iterator[_File]:
    """Yield a file, or if it is a tar, its files."""
    suffix = next((s for s in (*COMPRESSED, ".tar") if name.endswith(s)), None)
    if suffix is None or not depth:
        yield name, size, content
    else:
        yield from _tar_files(name, content, name.removesuffix(suffix) + "/", tally, depth - 1)


def _decompress(name: str, compressed: IO[bytes]) -> IO[bytes]:
    if name.endswith((".gz", ".tgz")):
        return cast(IO[bytes], gzip.GzipFile(fileobj=compressed))
    if name.endswith((".bz2", ".tbz2")):
        return cast(IO[bytes], bz2.BZ2File(compressed))
    if name.endswith((".xz", ".txz")):
        return cast(IO[bytes], lzma.LZMAFile(compressed))
    return compressed


class _CountingReader:
    """A stream that counts the bytes read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data


class _Concatenation(io.RawIOBase):
    """Parts as one stream; each part is opened when the one before it ends."""

    def __init__(
        self, parts: Iterator[Callable[[], BinaryIO]], advance: Callable[[int], None]
    ) -> None:
        self._parts = parts
        self._advance = advance
        self._current: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if self._current is not None:
            self._current.close()
        super().close()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            if self._current is None:
                part = next(self._parts, None)
                if part is None:
                    return 0
                self._current = part()
            data = self._current.read(len(buffer))
            if data:
                buffer[: len(data)] = data
                self._advance(len(data))
                return len(data)
            self._current.close()
            self._current = None
