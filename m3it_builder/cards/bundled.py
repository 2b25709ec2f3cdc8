"""Location of the data folders that ship with the package."""

from __future__ import annotations

from pathlib import Path


def bundled(folder: str) -> Path:
    """Return a data folder: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    installed = package / "bundled" / folder
    return installed if installed.is_dir() else package.parent / folder
