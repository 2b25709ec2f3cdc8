"""Where a report may be written: not among the files of a build, nor over files of others."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.errors import BuildError, UsageError, first_few

# In the order in which they appear; report.json is last, so it marks a complete report.
FILES = ("pairs.parquet", "drop.parquet", "drop.jsonl", "report.html", "report.json")
_KEYS = {"settings", "units", "images", "shared", "dropped"}  # of report.json


def require_report_folder(folder: Path) -> None:
    """Require that a report can be written without changing a build or replacing other files.

    Raises:
        UsageError: the folder is the folder of a task in a build, or in one.
        BuildError: it has files with the names of ours that no earlier search wrote.
    """
    real = Path(os.path.realpath(folder))
    for parent in (real, *real.parents):
        if next(parent.glob(f"meta/*/{MANIFEST}"), None):
            raise UsageError(
                f"--out {folder} is in {parent}, the folder of a task in a build; choose another "
                "--out"
            )
    taken = [name for name in FILES if os.path.lexists(folder / name)]
    if taken and not _is_report(folder / FILES[-1]):
        raise BuildError(
            f"{folder}: holds files that `m3it dedup` did not write ({first_few(taken)}); choose "
            "another --out, or move them away"
        )


def _is_report(path: Path) -> bool:
    """Return True for the ``report.json`` of an earlier search."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except (FileNotFoundError, IsADirectoryError, msgspec.DecodeError):
        return False
    return report.keys() >= _KEYS
