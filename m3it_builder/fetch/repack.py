"""Make one plain tar of an archive that cannot be read in place.

Every member is streamed through once: nothing is unpacked to the disk, and
memory stays flat however large the archive is. Tars inside are opened on the
way, and their members go into a folder named after them.
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
from m3it_builder.sources.archives import is_safe, list_members, tidy
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.compressed import CompressedArchive
from m3it_builder.sources.member_stream import open_slice

_BLOCK = 1 << 20
_DEPTH = 3  # tars inside tars inside tars; genuine sources have two
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Repacked:
    """What went into one plain tar."""

    target: Path
    files: int
    bytes: int
    left_out: dict[str, int]  # by kind of member: links, devices

    def __str__(self) -> str:
        left = "".join(f", {count:,} {kind} left out" for kind, count in self.left_out.items())
        return f"repacked as {self.target.name}, {self.files:,} files{left}"


def repack(packed: CompressedArchive, catalog: Catalog, progress: Progress) -> Repacked:
    """Write the plain tar of one archive; it appears whole or not at all.

    Equal parts give equal bytes: owners, modes and times of the members are not
    kept, and the time of the tar is that of its newest part.

    Raises:
        SourceError: the archive is cut short or damaged, or a member's name
            leads outside it.
    """
    unfinished = packed.target.with_name(packed.target.name + ".partial")
    progress.start(f"repack {packed.whole}", packed.bytes, "bytes")
    try:
        done = _write(packed, catalog, unfinished, progress)
        os.utime(unfinished, ns=(packed.mtime_ns, packed.mtime_ns))
        unfinished.replace(packed.target)
    except _DAMAGE as error:
        raise SourceError(
            f"{catalog.folder / packed.whole}: cut short or damaged ({error}); download it again"
        ) from error
    finally:
        progress.finish()
        unfinished.unlink(missing_ok=True)
    return done


def _write(
    packed: CompressedArchive, catalog: Catalog, target: Path, progress: Progress
) -> Repacked:
    seen = _Seen(catalog.folder / packed.whole)
    with target.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as out:
            for name, size, content in _members(packed, catalog, seen, progress):
                entry = tarfile.TarInfo(name)
                entry.size = size
                out.addfile(entry, content)
                out.members = []  # type: ignore[attr-defined] # tarfile keeps every header
                seen.files += 1
                seen.bytes += size
        file.flush()
        os.fsync(file.fileno())
    if not seen.files:
        raise SourceError(f"{seen.archive}: holds no files; download it again")
    return Repacked(packed.target, seen.files, seen.bytes, dict(seen.left_out))


class _Seen:
    """What was met in one archive."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.files = 0
        self.bytes = 0
        self.left_out: Counter[str] = Counter()


_Found = tuple[str, int, IO[bytes]]  # name, bytes, content


def _members(
    packed: CompressedArchive, catalog: Catalog, seen: _Seen, progress: Progress
) -> Iterator[_Found]:
    if packed.whole.endswith(".zip"):
        for member in list_members(catalog.folder / packed.whole):
            with open_slice(member.location) as content:
                yield from _opened(member.name, member.location.length, content, seen, _DEPTH)
            progress.advance(member.location.packed)
        return
    opened = (partial(catalog.open, name) for name in packed.parts)
    stream = cast(IO[bytes], io.BufferedReader(_Joined(opened, progress.advance), _BLOCK))
    yield from _tar(packed.whole, stream, "", seen, _DEPTH)


def _tar(name: str, packed: IO[bytes], folder: str, seen: _Seen, depth: int) -> Iterator[_Found]:
    """Yield the members of a tar, and see that it is there to its end."""
    stream = _Counted(_decompressed(name, packed))
    with tarfile.open(fileobj=cast(Any, stream), mode="r|", bufsize=_BLOCK) as tar:
        while (entry := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined] # tarfile keeps every header
            if entry.isreg():
                content = tar.extractfile(entry)
                assert content is not None  # noqa: S101 - a regular file has content
                inside = tidy(entry.name)
                if not is_safe(inside):
                    raise SourceError(
                        f"{seen.archive}: member {entry.name!r} leads outside the archive; "
                        "the file is not an official one, download it again"
                    )
                inside = inside if inside.startswith(folder) else folder + inside
                yield from _opened(inside, entry.size, content, seen, depth)
            elif not entry.isdir():
                seen.left_out["links" if entry.issym() or entry.islnk() else "devices"] += 1
        end = tar.offset
    while stream.read(_BLOCK):
        pass  # to the end, where compressed streams carry their checksum
    if stream.count < end + tarfile.BLOCKSIZE:
        raise EOFError("it has no end mark")


def _opened(name: str, size: int, content: IO[bytes], seen: _Seen, depth: int) -> Iterator[_Found]:
    """Yield a file, or the members of the tar that it is."""
    ending = next((e for e in (*COMPRESSED, ".tar") if name.endswith(e)), None)
    if ending is None or not depth:
        yield name, size, content
    else:
        yield from _tar(name, content, name.removesuffix(ending) + "/", seen, depth - 1)


def _decompressed(name: str, packed: IO[bytes]) -> IO[bytes]:
    if name.endswith((".gz", ".tgz")):
        return cast(IO[bytes], gzip.GzipFile(fileobj=packed))
    if name.endswith((".bz2", ".tbz2")):
        return cast(IO[bytes], bz2.BZ2File(packed))
    if name.endswith((".xz", ".txz")):
        return cast(IO[bytes], lzma.LZMAFile(packed))
    return packed


class _Counted:
    """A stream that knows how many bytes were read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data


class _Joined(io.RawIOBase):
    """Parts as one stream; each is opened when its turn comes."""

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
