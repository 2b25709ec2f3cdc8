"""Source cards with one file on a loopback server, and files to serve."""

from __future__ import annotations

import hashlib
import io
import random
import zipfile
from pathlib import Path

from m3it_builder.cards.cards import SourceCard, SourceFile
from m3it_builder.fetch.download import Fetched, fetch_source


def zip_file(seed: int = 0, size: int = 50_000) -> bytes:
    """Return a zip with one incompressible member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("images/1.jpg", random.Random(seed).randbytes(size))
    return buffer.getvalue()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def card_of(url: str, *mirrors: str, file: str = "all.zip", **facts: object) -> SourceCard:
    entry = {"file": file, "url": url, "mirrors": mirrors, **facts}
    files = (SourceFile.model_validate(entry),)
    return SourceCard(name="raw", title="Raw", license="CC0", files=files)


def fetch(
    card: SourceCard, sources: Path, verify_only: bool = False, update_lock: bool = False
) -> Fetched:
    """Fetch the only file of a source."""
    (result,) = fetch_source(card, sources, verify_only, update_lock)
    return result


def stored(sources: Path, file: str = "all.zip") -> bytes | None:
    """Return what is under the official name; None if there is nothing."""
    path = sources / "raw" / file
    return path.read_bytes() if path.exists() else None


def write_partial(sources: Path, data: bytes, file: str = "all.zip") -> Path:
    """Write what an interrupted run leaves behind, without its note."""
    partial = sources / "raw" / f"{file}.partial"
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(data)
    return partial
