"""Genuine slices of official files, laid out as sources."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Genuine slices of official files, if a developer has them; never copied into the project.
REAL = Path(os.environ.get("M3IT_REAL") or ROOT.parent / "shared" / "real")
REAL_SOURCES = {  # source id: folder of the slice
    "okvqa-annotations": "okvqa",
    "karpathy-splits": "karpathy/quoted_record",
    "nlvr-annotations": "nlvr/nlvr",
    "nlvr-images": "nlvr",
    "nlvr2-annotations": "nlvr2/nlvr2/data",
}


def overlay(sources: Path, ids: Iterable[str]) -> Path:
    """Create a source folder of genuine slices; skip the test where they are absent.

    The test adds placeholders for the files that are not genuine.
    """
    sources.mkdir(parents=True, exist_ok=True)
    for name in ids:
        slice_folder = REAL / REAL_SOURCES[name]
        if not slice_folder.is_dir():
            pytest.skip(f"genuine slice {slice_folder} is not available")
        target = sources / name
        target.mkdir(exist_ok=True)
        for entry in slice_folder.iterdir():
            (target / entry.name).symlink_to(entry)
    return sources


def real_folder(name: str) -> Path:
    """Return the folder of a genuine slice; skip the test where it is absent."""
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"genuine slice {folder} is not available")
    return folder


def write_placeholders(archive: Path, names: Iterable[str], data: bytes) -> None:
    """Write a zip with the same placeholder image forevery name the slice refers to."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in names:
            file.writestr(name, data)
