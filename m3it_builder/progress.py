"""What long work tells whoever watches: one bar a phase, or nothing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the advance of one phase after the other."""

    def start(self, title: str, total: int | None) -> None:
        """Begin a phase; ``total`` is in rows, None where nobody can know."""

    def advance(self, rows: int, size: int = 0, rejects: int = 0) -> None:
        """Report rows done, bytes written and rows rejected since the last report."""

    def finish(self) -> None:
        """End the phase."""


class Silent:
    """Reports to nobody."""

    def start(self, title: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, rows: int, size: int = 0, rejects: int = 0) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
