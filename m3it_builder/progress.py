"""What long work tells whoever watches: one bar a phase, or nothing."""

from __future__ import annotations

from typing import Literal, Protocol

Unit = Literal["rows", "bytes"]


class Progress(Protocol):
    """Receives the advance of one phase after the other."""

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Begin a phase; ``total`` is in its unit, None where nobody can know."""

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Report units done, bytes written and rows rejected since the last report."""

    def finish(self) -> None:
        """End the phase."""


class Silent:
    """Reports to nobody."""

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Do nothing."""

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
