"""Suffixes of archives that cannot be read in place."""

from __future__ import annotations

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


UNSUPPORTED = (".7z", ".rar")  # the standard library has no reader for these
