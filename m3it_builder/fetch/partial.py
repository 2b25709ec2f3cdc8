"""A partial download, and a note of the response that it comes from.

The note lets a later run resume: it says which version of the file the bytes belong to.
It is written before the first byte, and removed after the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from m3it_builder.storage.atomic import write_atomic


class Origin(msgspec.Struct, frozen=True):
    """The response that the bytes of a partial file come from."""

    url: str  # as ``public_url`` returns it
    total: int | None = None  # bytes of the complete file
    etag: str | None = None  # strong ones only
    last_modified: str | None = None

    @property
    def validator(self) -> str | None:
        """Return what ``If-Range`` sends: it identifies one version of the file."""
        return self.etag or self.last_modified


@dataclass(frozen=True, slots=True)
class Partial:
    """The partial file of one target; there may be none yet."""

    target: Path

    @property
    def path(self) -> Path:
        """Return the path of the partial file."""
        # Not ``atomic_path``: its partial files have unique names and cannot be resumed.
        return self.target.with_name(self.target.name + ".partial")

    @property
    def note(self) -> Path:
        """Return the path of the note."""
        # Hidden, and of no known suffix: patterns for official files must not match it.
        return self.target.with_name(f".{self.target.name}.partial-origin")

    @property
    def size(self) -> int:
        """Return the bytes received so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def origin(self) -> Origin | None:
        """Return where the bytes come from; None if that is not known."""
        try:
            return msgspec.json.decode(self.note.read_bytes(), type=Origin)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def start(self, origin: Origin) -> BinaryIO:
        """Discard the bytes received so far, note an origin, and return the file to write."""
        # In this order: never old bytes with the note of another version.
        file = self.path.open("wb")
        try:
            self.set_origin(origin)
        except BaseException:
            file.close()
            raise
        return file

    def resume(self) -> BinaryIO:
        """Return the file to append to."""
        return self.path.open("ab")

    def set_origin(self, origin: Origin) -> None:
        """Write the note atomically."""
        write_atomic(self.note, msgspec.json.encode(origin))

    def discard(self) -> None:
        """Remove the partial file and its note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def commit(self) -> None:
        """Move the complete file into place."""
        self.path.replace(self.target)
        self.note.unlink(missing_ok=True)
