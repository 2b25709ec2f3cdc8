"""Endings of archives that cannot be read in place."""

from __future__ import annotations

COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


FOREIGN = (".7z", ".rar")  # no reader for these comes with Python
