"""Where the files of one source lie: loose, in a zip, in a tar, or gzipped.

A folder ``<sources>/<source_id>/`` may hold the official archives, the tree
they unpack to, or both. The directory of an archive is listed once and kept
under ``<sources>/.m3it-index/``; looking a name up is then one query.
"""

from __future__ import annotations

import errno
import gzip
import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast
from unicodedata import normalize

from m3it_builder.cards.cards import SourceCard, SourceFile
from m3it_builder.cards.suffixes import COMPRESSED, FOREIGN
from m3it_builder.errors import SourceError
from m3it_builder.records import File, Location, Slice
from m3it_builder.sources.archive_index import Archive
from m3it_builder.sources.archives import is_archive, is_safe
from m3it_builder.sources.compressed import CompressedArchive, is_repacked, repacked_name
from m3it_builder.sources.member_stream import open_slice

_CACHED_NAMES = 8_192
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}


class Catalog:
    """Looks up names in the folder of one source."""

    def __init__(self, card: SourceCard, sources: Path) -> None:
        self.card = card
        self.folder = sources / card.name
        self._archives = [Archive(path, sources) for path in self._present_archives()]
        self._starts = self._concrete_layouts()
        self.find = lru_cache(_CACHED_NAMES)(self._find)

    def _find(self, name: str) -> Location | None:
        """Return where a name lies, or None; ``name`` is relative to the source."""
        unusable = None
        for candidate in self._candidates(name):
            if location := self._loose(candidate):
                return location
            for archive in self._archives:
                found = archive.find(candidate)
                if found is not None and found.method != "unusable":
                    return found
                unusable = unusable or found
        return unusable

    def open(self, name: str) -> BinaryIO:
        """Open a file for streaming, unpacked on the way.

        Raises:
            SourceError: it is not there; the message lists what would supply it.
        """
        location = self.find(name)
        if location is None and (packed := self.find(name + ".gz")):
            return _unzipped(_open_place(packed))
        location = location or self._somewhere(name)
        if location is None:
            raise self.missing(name)
        return _open_place(location)

    def glob(self, pattern: str) -> list[str]:
        """Return the names that match a pattern, sorted, whatever holds them."""
        names: set[str] = set()
        for start, other in [("", ""), *self._starts]:
            if not pattern.startswith(start):
                continue
            there = other + pattern[len(start) :]
            found = {
                path.relative_to(self.folder).as_posix()
                for path in self.folder.glob(there)
                if path.is_file()
            }
            for archive in self._archives:
                found.update(archive.glob(there))
            names.update(start + name[len(other) :] for name in found)
        return sorted(names)

    def missing(self, name: str) -> SourceError:
        """Return the error for a file that is not there, with the way to get it."""
        if hint := self.unread():
            return SourceError(f"{self.card.name}: {name} is not there; {hint}")
        looked = ", ".join(archive.path.name for archive in self._archives[:4])
        return SourceError(
            f"{self.folder / name} is not there, nor in an archive beside it "
            f"({f'looked into {looked}; ' if looked else ''}it comes from {self._expected(name)}); "
            f"run `m3it fetch {self.card.name}`"
        )

    def is_absent(self) -> bool:
        """Tell whether nothing at all of this source is there."""
        return not any(self._entries())

    def packed(self) -> list[CompressedArchive]:
        """Return the archives that are there and cannot be read in place."""
        paths = [path for file in self.card.files for path in self._supplies(file)]
        tars = {archive.path for archive in self._archives if archive.holds_tars()}
        found = [
            self._packed(path.name, (path.relative_to(self.folder).as_posix(),))
            for path in dict.fromkeys(paths)
            if path.name.endswith(COMPRESSED) or (path in tars and not is_repacked(path.name))
        ]
        joined = ((join.whole, tuple(self.glob(join.parts))) for join in self.card.joins)
        return found + [self._packed(whole, parts) for whole, parts in joined if parts]

    def unread(self) -> str | None:
        """Say which archive here cannot be read yet, and what to do about it."""
        waiting = [packed.whole for packed in self.packed() if not packed.is_done]
        if waiting:
            more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
            return (
                f"{waiting[0]}{more} cannot be read in place: "
                f"run `m3it fetch {self.card.name} --repack`"
            )
        foreign = [name for name in sorted(self._entries()) if name.endswith(FOREIGN)]
        return f"{foreign[0]} cannot be read: unpack it where it lies" if foreign else None

    def is_unread(self) -> bool:
        """Tell whether there is nothing here but archives that cannot be read yet."""
        waiting = {name for packed in self.packed() if not packed.is_done for name in packed.parts}
        entries = self._entries()
        return bool(waiting) and all(name in waiting for name in entries)

    def _packed(self, whole: str, parts: tuple[str, ...]) -> CompressedArchive:
        paths = {location.path for part in parts if (location := self.find(part))}
        states = [Path(path).stat() for path in paths]
        return CompressedArchive(
            whole=whole,
            parts=parts,
            mtime_ns=max(state.st_mtime_ns for state in states),
            bytes=sum(state.st_size for state in states),
            target=self.folder / str(repacked_name(whole)),
        )

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return (bytes, mtime_ns) of every declared file that is there, by name."""
        found: dict[str, tuple[int, int]] = {}
        for file in self.card.files:
            for path in self._supplies(file):
                state = path.stat()
                name = path.relative_to(self.folder).as_posix()
                found[f"{self.card.name}/{name}"] = (state.st_size, state.st_mtime_ns)
        return found

    def _expected(self, name: str) -> str:
        files = [file.file for file in self.card.files]
        exact = [file for file in files if file.startswith(name)]
        return ", ".join((exact or files)[:4])

    def _supplies(self, file: SourceFile) -> Iterator[Path]:
        bare = file.file.removesuffix(".zip").removesuffix(".gz")
        names = [file.file, bare, bare + ".gz"]
        names += [str(repacked_name(join.whole)) for join in self.card.joins]
        names += [
            entry
            for entry in sorted(self._entries())
            if any(fnmatch(entry, pattern) for pattern in file.accept)
        ]
        names += [repacked for name in names if (repacked := repacked_name(name))]
        for name in dict.fromkeys(names):
            path = self.folder / name
            if path.is_file():
                yield path

    def _somewhere(self, name: str) -> Slice | None:
        """Return the one member of that base name, in whatever folder of an archive it is."""
        base = name.rpartition("/")[2]
        found = [location for archive in self._archives for location in archive.find_base(base)]
        return found[0] if len(found) == 1 else None

    def _present_archives(self) -> list[Path]:
        paths = (path for file in self.card.files for path in self._supplies(file))
        return list(dict.fromkeys(path for path in paths if is_archive(path.name)))

    def _entries(self) -> list[str]:
        try:
            return [entry.name for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return []

    def _loose(self, name: str) -> File | None:
        path = f"{self.folder}/{name}"
        try:
            state = os.stat(path)  # noqa: PTH116 - a Path per image doubles the cost of locate
        except UnicodeEncodeError:
            return None
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        if not stat.S_ISREG(state.st_mode):
            return None
        return File(path, state.st_size, state.st_mtime_ns)

    def _candidates(self, name: str) -> list[str]:
        if not is_safe(name):
            return []
        others = [to + name[len(start) :] for start, to in self._starts if name.startswith(start)]
        if name.isascii():
            return [name, *others]
        # Some file systems and archives keep accents apart from their letters.
        return [normalize(form, each) for each in (name, *others) for form in ("NFC", "NFD")]

    def _concrete_layouts(self) -> list[tuple[str, str]]:
        """Replace a leading ``*`` by the folders really found at the top."""
        starts: list[tuple[str, str]] = []
        tops = None
        for layout in self.card.layouts:
            head, slash, rest = layout.other.partition("/")
            if "*" not in head:
                starts.append((layout.start, layout.other))
                continue
            tops = self._tops() if tops is None else tops
            matching = [top for top in tops if fnmatch(top, head)]
            starts.extend((layout.start, top + slash + rest) for top in matching)
        return starts

    def _tops(self) -> list[str]:
        tops = set(self._entries())
        for archive in self._archives:
            tops.update(archive.tops())
        return sorted(tops)


def _open_place(location: Location) -> BinaryIO:
    return Path(location.path).open("rb") if isinstance(location, File) else open_slice(location)


def _unzipped(file: BinaryIO) -> BinaryIO:
    stream = gzip.GzipFile(fileobj=file)
    stream.myfileobj = file  # type: ignore[assignment] # so that closing the one closes the other
    return cast(BinaryIO, stream)
