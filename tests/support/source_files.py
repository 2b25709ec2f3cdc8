"""Source folders for tests: a source called ``raw``, loose files, zips and tars."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from m3it_builder.cards.cards import Layout, SourceCard, SourceFile
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.source import Source

ARCHIVE = {"train/a.jpg": b"A", "train/b.jpg": b"BB", "notes/x.json": b'{"rows": [1, 2]}'}


def source_card(*layouts: tuple[str, str], files: tuple[str, ...] = ("all.zip",)) -> SourceCard:
    """Return the card of ``raw``, which also accepts ``also-*.zip``."""
    return SourceCard(
        name="raw",
        title="Raw",
        license="CC0",
        files=tuple(SourceFile(file=name, manual="ask", accept=("also-*.zip",)) for name in files),
        layouts=tuple(Layout.model_validate({"from": a, "to": b}) for a, b in layouts),
    )


def open_raw(root: Path, files: tuple[str, ...] = ("all.zip",)) -> Source:
    """Return a ``Source`` that reads ``raw`` below a folder."""
    return Source({"raw": Catalog(source_card(files=files), root)}, "train", task="t")


def write_files(folder: Path, files: Mapping[str, bytes], prefix: str = "") -> None:
    """Write loose files."""
    for name, data in files.items():
        path = folder / (prefix + name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def write_zip(path: Path, files: Mapping[str, bytes], prefix: str = "") -> None:
    """Write a deflated zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)


def write_tar(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a plain tar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
