"""Progress bars on a terminal, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from typing import Any

from m3it_builder.cli.output import console, size
from m3it_builder.progress import Unit

_LINE_SECONDS = 30.0


def watcher() -> Bars | Lines:
    """Return what fits the place where stderr goes."""
    return Bars() if sys.stderr.isatty() else Lines()


class Bars:
    """A bar a phase, with rate, time left and rejects."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._task: Any = None
        self._state = _Phase("", None, "rows")

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Show a new bar."""
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._state = _Phase(title, total, unit)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<32}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console(stderr=True),
        )
        self._bars.start()
        self._task = self._bars.add_task(title, total=total, note="")

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Move the bar."""
        self._state.advance(done, size, rejects)
        self._bars.update(self._task, advance=done, note=str(self._state))

    def finish(self) -> None:
        """Leave the bar as it stands."""
        self._bars.stop()


class Lines:
    """A line every half minute, for logs."""

    def __init__(self) -> None:
        self._state = _Phase("", None, "rows")
        self._said = 0.0

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Remember the phase."""
        self._state = _Phase(title, total, unit)
        self._said = time.monotonic()

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Print a line if the last one is long past."""
        self._state.advance(done, size, rejects)
        now = time.monotonic()
        if now - self._said >= _LINE_SECONDS:
            self._said = now
            sys.stderr.write(f"{self._state.title}: {self._state}\n")

    def finish(self) -> None:
        """Say nothing: the summary follows."""


class _Phase:
    """How far one phase is; its text says all there is to say."""

    def __init__(self, title: str, total: int | None, unit: Unit) -> None:
        self.title = title
        self._total = total
        self._unit = unit
        self._done = self._size = self._rejects = 0
        self._began = time.monotonic()

    def advance(self, done: int, size: int, rejects: int) -> None:
        self._done += done
        self._size += size
        self._rejects += rejects

    def __str__(self) -> str:
        def said(count: float) -> str:
            return size(count) if self._unit == "bytes" else f"{count:,.0f}"

        rate = self._done / max(time.monotonic() - self._began, 0.001)
        of = f" of {said(self._total)}" if self._total else ""
        parts = [f"{said(self._done)}{of}", f"{said(rate)}/s"]
        parts += [size(self._size)] if self._size else []
        parts += [f"{self._rejects:,} rejects"] if self._rejects else []
        return ", ".join(parts)
