"""What is expected of a file: the size and the digest of its card, or of its first download."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.cards.cards import SourceFile
from m3it_builder.fetch.completeness import Verdict, completeness
from m3it_builder.fetch.content import HEAD_BYTES, format_problem, substitute_problem
from m3it_builder.fetch.lock_file import LOCK_FILE, Entry
from m3it_builder.progress import Progress

_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of a file before it is read.

    Without a size and a digest, its content decides: the first bytes, and the end that its
    format must have.
    """

    name: str  # the suffix gives the format
    size: int | None = None  # bytes
    digest: tuple[str, str] | None = None  # algorithm, hexadecimal digest
    is_recorded: bool = False  # in the lock file, not in the card

    def size_problem(self, size: int) -> str | None:
        """Return why a size in bytes is wrong, or None."""
        if self.size in (None, size):
            return None
        return f"has {size:,} bytes instead of {self.size:,}" + self._advice()

    def head_problem(self, head: bytes) -> str | None:
        """Return why the first ``HEAD_BYTES`` cannot be those of the file, or None."""
        if problem := substitute_problem(self.name, head):
            return problem
        return None if self.digest else format_problem(self.name, head)

    def problem(self, path: Path, progress: Progress) -> str | None:
        """Return why a file is not what is expected, or None.

        A digest decides alone; where it differs, the content may explain why.
        """
        size = path.stat().st_size
        if self.digest:
            problem = self.size_problem(size) or self._digest_problem(path, progress)
            return problem and (self.head_problem(_head(path)) or problem)
        if not size and self.size != 0:
            return "empty"
        if problem := self.head_problem(_head(path)) or self.size_problem(size):
            return problem
        return "truncated" if completeness(path, self.name) == "truncated" else None

    def completeness(self, path: Path) -> Verdict:
        """Return whether a file ends where its format says that it must."""
        return completeness(path, self.name)

    def _digest_problem(self, path: Path, progress: Progress) -> str | None:
        assert self.digest  # noqa: S101 - for the type checker
        algorithm, expected = self.digest
        actual = file_digest(path, algorithm, progress)
        if actual == expected:
            return None
        return f"its {algorithm} is {actual[:12]}… instead of {expected[:12]}…" + self._advice()

    def _advice(self) -> str:
        if not self.is_recorded:
            return ""
        return (
            f": differs from the first download recorded in {LOCK_FILE}; accept with --update-lock"
        )


def expected_of(file: SourceFile, name: str, entry: Entry | None) -> Expected:
    """Return what is expected of a file.

    Args:
        file: its entry in the source card.
        name: under which it is stored. Size and digest of the card are those of the declared
            file; another name is an unpacked or renamed copy.
        entry: of the lock file, under this name.
    """
    is_declared = name == file.file
    size = file.bytes if is_declared else None
    if is_declared and (file.sha256 or file.md5):
        digest = ("sha256", file.sha256) if file.sha256 else ("md5", str(file.md5))
        return Expected(name, size, digest)
    if entry is None or (size is not None and entry.size != size):  # the card has been corrected
        return Expected(name, size)
    return Expected(name, entry.size, ("sha256", entry.sha256), is_recorded=True)


def file_digest(path: Path, algorithm: str, progress: Progress) -> str:
    """Return the hexadecimal digest of a file."""
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    progress.start(f"verify {path.name.removesuffix('.partial')}", path.stat().st_size, "bytes")
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
                progress.advance(len(block))
    finally:
        progress.finish()
    return hasher.hexdigest()


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)
