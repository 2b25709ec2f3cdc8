"""Look up names in one source: loose files, members of zips and tars, gzipped files.

The folder ``<sources>/<source_id>/`` may hold the official archives, the files unpacked
from them, or both. Each archive has an index (``archive_index``), so a lookup is one query.
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
from m3it_builder.cards.suffixes import COMPRESSED, UNSUPPORTED
from m3it_builder.errors import SourceError, first_few
from m3it_builder.records import File, FileIdentity, Location, Slice
from m3it_builder.sources.archive_index import ArchiveIndex
from m3it_builder.sources.archives import is_archive, is_safe
from m3it_builder.sources.compressed import CompressedArchive, is_repacked, repacked_name
from m3it_builder.sources.member_stream import open_slice
from m3it_builder.sources.members import UNUSABLE

_CACHED_NAMES = 8_192
# What ``stat`` reports for a name that does not, or cannot, exist on this file system.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}


class Catalog:
    """Looks up names in the folder of one source; names are relative to that folder.

    Args:
        card: of the source.
        sources: folder with one folder per source.

    Raises:
        SourceError: an archive is truncated or corrupt.
    """

    def __init__(self, card: SourceCard, sources: Path) -> None:
        self.card = card
        self.folder = sources / card.name
        self._indexes = [ArchiveIndex(path, sources) for path in self._readable_archives()]
        self._layouts = self._resolve_layouts()
        # Per instance, not on the method: a cache on the class would keep catalogs alive.
        self.find = lru_cache(_CACHED_NAMES)(self._find)

    def archive_identities(self) -> dict[str, FileIdentity]:
        """Return the identity that each archive had when it was listed, by path."""
        return {str(index.path): index.identity for index in self._indexes}

    def duplicate_members(self) -> list[str]:
        """Describe the archives in which several members have one name."""
        counted = [(index.path.name, *index.duplicates()) for index in self._indexes]
        return [
            f"{self.card.name}/{archive}: {count:,} members repeat the name of an earlier one "
            f"({name}); the last one is used"
            for archive, count, name in counted
            if count
        ]

    def refresh(self) -> None:
        """Discard cached lookups: files may have changed since."""
        self.find.cache_clear()

    def _find(self, name: str) -> Location | None:
        """Return the location of a name, or None.

        A loose file takes precedence over a member: it may be the unpacked copy of a
        member that cannot be read in place. Such a member is the last resort, since
        opening it gives the better error message.
        """
        unusable = None
        for candidate in self._candidates(name):
            if location := self._find_loose(candidate):
                return location
            for index in self._indexes:
                member = index.find(candidate)
                if member is not None and member.method not in UNUSABLE:
                    return member
                unusable = unusable or member
        return unusable

    def open(self, name: str) -> BinaryIO:
        """Open a file as a stream, decompressed while read.

        If the name is not found, tries ``NAME.gz``, then a member with the same basename.

        Raises:
            SourceError: the file is missing; the message names the archive it comes from.
        """
        location = self.find(name)
        if location is None and (compressed := self.find(name + ".gz")):
            return _gunzip(_open(compressed))
        location = location or self._find_basename(name)
        if location is None:
            raise self._missing_error(name)
        return _open(location)

    def glob(self, pattern: str) -> list[str]:
        """Return the names that match a pattern, sorted; ``*`` and ``?`` do not match ``/``."""
        names: set[str] = set()
        for official, actual in [("", ""), *self._layouts]:
            if not pattern.startswith(official):
                continue
            actual_pattern = actual + pattern[len(official) :]
            matches = {
                path.relative_to(self.folder).as_posix()
                for path in self.folder.glob(actual_pattern)
                if path.is_file()
            }
            for index in self._indexes:
                matches.update(index.glob(actual_pattern))
            names.update(official + match[len(actual) :] for match in matches)
        return sorted(names)

    def is_empty(self) -> bool:
        """Return True if the folder of the source is missing or empty."""
        return not any(self._entries())

    def compressed_archives(self) -> list[CompressedArchive]:
        """Return the archives that must be repacked, those already repacked included."""
        paths = [path for file in self.card.files for path in self._paths_of(file)]
        to_repack = {
            index.path
            for index in self._indexes
            if index.contains_tars() or index.contains_sparse()
        }
        whole = [
            self._compressed_archive(path.name, (path.relative_to(self.folder).as_posix(),))
            for path in dict.fromkeys(paths)
            if path.name.endswith(COMPRESSED) or (path in to_repack and not is_repacked(path.name))
        ]
        split = ((join.whole, tuple(self.glob(join.parts))) for join in self.card.joins)
        return whole + [self._compressed_archive(name, parts) for name, parts in split if parts]

    def unreadable_hint(self) -> str | None:
        """Return which archive cannot be read yet and the remedy, or None."""
        waiting = [archive.name for archive in self._to_repack()]
        if waiting:
            return (
                f"{first_few(waiting, limit=1)} cannot be read in place: "
                f"run `m3it fetch {self.card.name} --repack`"
            )
        unsupported = [name for name in sorted(self._entries()) if name.endswith(UNSUPPORTED)]
        return f"{unsupported[0]} cannot be read: unpack it in its folder" if unsupported else None

    def needs_repack(self) -> bool:
        """Return True if the folder holds nothing but archives that must be repacked first."""
        waiting = {name for archive in self._to_repack() for name in archive.part_names}
        return bool(waiting) and all(name in waiting for name in self._entries())

    def file_stats(self) -> dict[str, tuple[int, int, int]]:
        """Return (bytes, mtime_ns, ctime_ns) of every file that supplies a declared one, by name.

        Names start with the source id, as in annotations.
        """
        stats: dict[str, tuple[int, int, int]] = {}
        for file in self.card.files:
            for path in self._paths_of(file):
                status = path.stat()
                name = path.relative_to(self.folder).as_posix()
                times = status.st_mtime_ns, status.st_ctime_ns
                stats[f"{self.card.name}/{name}"] = (status.st_size, *times)
        return stats

    def _to_repack(self) -> list[CompressedArchive]:
        return [archive for archive in self.compressed_archives() if not archive.is_up_to_date]

    def _compressed_archive(self, name: str, part_names: tuple[str, ...]) -> CompressedArchive:
        # Distinct: parts may be members of one zip.
        paths = {location.path for part in part_names if (location := self.find(part))}
        stats = [Path(path).stat() for path in paths]
        return CompressedArchive(
            name=name,
            part_names=part_names,
            mtime_ns=max(status.st_mtime_ns for status in stats),
            compressed_size=sum(status.st_size for status in stats),
            target=self.folder / str(repacked_name(name)),
        )

    def _missing_error(self, name: str) -> SourceError:
        if hint := self.unreadable_hint():
            return SourceError(f"{self.card.name}: {name} is missing", hint)
        archives = ", ".join(index.path.name for index in self._indexes[:4])
        return SourceError(
            f"{self.folder / name} is missing, and no archive beside it has it "
            f"({f'searched {archives}; ' if archives else ''}it comes from {self._origin(name)})",
            f"run `m3it fetch {self.card.name}`",
        )

    def _origin(self, name: str) -> str:
        files = [file.file for file in self.card.files]
        exact = [file for file in files if file.startswith(name)]
        return ", ".join((exact or files)[:4])

    def _paths_of(self, file: SourceFile) -> Iterator[Path]:
        """Yield the existing paths that supply a declared file: itself, unpacked, repacked."""
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

    def _find_basename(self, name: str) -> Slice | None:
        """Return the only member with the basename of ``name``, in any folder, or None.

        For annotation files: archives differ in their folders, and the name is unmistakable.
        """
        basename = name.rpartition("/")[2]
        members = [member for index in self._indexes for member in index.find_basename(basename)]
        return members[0] if len(members) == 1 else None

    def _readable_archives(self) -> list[Path]:
        paths = (path for file in self.card.files for path in self._paths_of(file))
        return list(dict.fromkeys(path for path in paths if is_archive(path.name)))

    def _entries(self) -> list[str]:
        try:
            return [entry.name for entry in os.scandir(self.folder)]
        except FileNotFoundError:
            return []

    def _find_loose(self, name: str) -> File | None:
        path = f"{self.folder}/{name}"
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path per image doubles the cost of locate
        except UnicodeEncodeError:  # a lone surrogate
            return None
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        if not stat.S_ISREG(status.st_mode):
            return None
        return File.of(path, status)

    def _candidates(self, name: str) -> list[str]:
        """Return the spellings of a name to try: as given, then in the other layouts."""
        if not is_safe(name):
            return []
        others = [
            actual + name[len(official) :]
            for official, actual in self._layouts
            if name.startswith(official)
        ]
        if name.isascii():
            return [name, *others]
        # Some file systems and archives store accented letters decomposed (NFD).
        return [normalize(form, each) for each in (name, *others) for form in ("NFC", "NFD")]

    def _resolve_layouts(self) -> list[tuple[str, str]]:
        """Return (official, actual) prefixes; a leading ``*`` becomes each matching top folder."""
        prefixes: list[tuple[str, str]] = []
        top_folders = None
        for layout in self.card.layouts:
            top, slash, rest = layout.actual.partition("/")
            if "*" not in top:
                prefixes.append((layout.official, layout.actual))
                continue
            top_folders = self._top_folders() if top_folders is None else top_folders
            matches = [folder for folder in top_folders if fnmatch(folder, top)]
            prefixes.extend((layout.official, folder + slash + rest) for folder in matches)
        return prefixes

    def _top_folders(self) -> list[str]:
        # Not the files: with a folder of loose images, each would be a layout to try.
        folders = {name for name in self._entries() if (self.folder / name).is_dir()}
        for index in self._indexes:
            folders.update(index.top_folders())
        return sorted(folders)


def _open(location: Location) -> BinaryIO:
    return Path(location.path).open("rb") if isinstance(location, File) else open_slice(location)


def _gunzip(file: BinaryIO) -> BinaryIO:
    stream = gzip.GzipFile(fileobj=file)
    # GzipFile closes only a file that it opened itself, which it keeps here.
    stream.myfileobj = file  # type: ignore[assignment]
    return cast(BinaryIO, stream)
