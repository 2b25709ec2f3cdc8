"""Progress callbacks of long operations: one phase at a time, as a protocol."""

from __future__ import annotations

from typing import Literal, Protocol

Unit = Literal["rows", "bytes", "units"]


class Progress(Protocol):
    """Receives the progress of consecutive phases."""

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Begin a phase; ``total`` is in its unit, or None if unknown."""

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Report units done, bytes written and rows rejected since the last call."""

    def finish(self) -> None:
        """End the phase."""

    def note(self, message: str) -> None:
        """Show a message that is worth a line of its own."""


class Silent:
    """Discards all progress."""

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Do nothing."""

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""
