"""Zip and plain tar archives, read in place: which files they hold, and under what names.

The directory of an archive is streamed: a zip of a million members takes no more
memory than one of ten. ``zip_directory`` and ``tar_directory`` read it, ``members``
reads what it points to.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of an archive: a regular file, a hard link, or what replaces a file of its name.

    The last kind, with neither location nor link, is a symbolic link, folder or device of a tar.
    """

    name: str
    location: Slice | None
    link: str | None = None  # of a hard link: name of the earlier member whose content it has


def is_archive(name: str) -> bool:
    """Return True if the suffix is that of an archive that can be read in place."""
    return name.lower().endswith((".zip", ".tar"))


def list_members(path: Path) -> Iterator[Member]:
    """Yield the entries of a zip or a plain tar, in archive order; see ``Member``.

    A member whose stored bytes are not its content (encrypted, sparse, compressed in an
    unsupported way, of an impossible size) is listed with a method of ``members.UNUSABLE``;
    only opening it fails.

    Raises:
        SourceError: the archive is truncated or corrupt, or a member name is a path
            traversal.
    """
    from m3it_builder.sources.tar_directory import tar_members
    from m3it_builder.sources.zip_directory import zip_members

    members = zip_members(path) if path.suffix.lower() == ".zip" else tar_members(path)
    for member in members:
        # Not a reject of one member: an archive that tries this is not the official one.
        if not is_safe(member.name):
            raise path_traversal(path, member.name)
        yield member


def is_safe(name: str) -> bool:
    """Return True for a relative path that stays inside its folder.

    Components are compared, not substrings: ``..__open.png`` is safe.
    """
    if not name or name.startswith("/") or "\0" in name:
        return False
    return ".." not in name.split("/")


def path_traversal(archive: Path, name: str) -> SourceError:
    """Return the error for a member whose name leads outside its archive."""
    return SourceError(
        f"{archive}: member {name!r} is a path traversal; "
        "the file is not the official one, download it again"
    )


def normalize_name(name: str) -> str:
    r"""Return a member name with forward slashes, without ``./`` and ``//``.

    Absolute names and those with ``..`` are not normalized, so that ``is_safe`` rejects them.
    """
    name = name.replace("\\", "/")
    if ".." in name.split("/") or name.startswith("/"):
        return name
    return posixpath.normpath(name)
