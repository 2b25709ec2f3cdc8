"""File names of a finished build, relative to the folder of a task."""

from __future__ import annotations

STATE_FOLDER = ".m3it"  # local state: not published, may be deleted at any time
MANIFEST = "manifest.json"
INDEX = "index.parquet"
REJECTS = "rejects.parquet"


def meta_path(split: str, name: str) -> str:
    """Return the path of a metadata file of a split, relative to the folder of its task."""
    return f"meta/{split}/{name}"
