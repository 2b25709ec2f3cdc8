"""Progress bars on a terminal, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from typing import Any

from m3it_builder.cli.output import console, size

_LINE_SECONDS = 30.0


def watcher() -> Bars | Lines:
    """Return what fits the place where stderr goes."""
    return Bars() if sys.stderr.isatty() else Lines()


class Bars:
    """A bar a phase, with rate, time left and rejects."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._task: Any = None
        self._rejects = 0
        self._size = 0

    def start(self, title: str, total: int | None) -> None:
        """Show a new bar."""
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._rejects = self._size = 0
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<32}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console(stderr=True),
        )
        self._bars.start()
        self._task = self._bars.add_task(title, total=total, note="")

    def advance(self, rows: int, size: int = 0, rejects: int = 0) -> None:
        """Move the bar."""
        self._rejects += rejects
        self._size += size
        self._bars.update(self._task, advance=rows, note=_note(self._size, self._rejects))

    def finish(self) -> None:
        """Leave the bar as it stands."""
        self._bars.stop()


class Lines:
    """A line every half minute, for logs."""

    def __init__(self) -> None:
        self._title = ""
        self._total: int | None = None
        self._rows = self._size = self._rejects = 0
        self._said = self._began = 0.0

    def start(self, title: str, total: int | None) -> None:
        """Remember the phase."""
        self._title, self._total = title, total
        self._rows = self._size = self._rejects = 0
        self._said = self._began = time.monotonic()

    def advance(self, rows: int, size: int = 0, rejects: int = 0) -> None:
        """Print a line if the last one is long past."""
        self._rows += rows
        self._size += size
        self._rejects += rejects
        now = time.monotonic()
        if now - self._said >= _LINE_SECONDS:
            self._said = now
            rate = self._rows / (now - self._began)
            of = f" of {self._total:,}" if self._total else ""
            note = _note(self._size, self._rejects)
            line = f"{self._title}: {self._rows:,}{of} rows, {rate:,.0f} a second {note}"
            sys.stderr.write(line.rstrip() + "\n")

    def finish(self) -> None:
        """Say nothing: the summary follows."""


def _note(count: int, rejects: int) -> str:
    parts = [size(count)] if count else []
    parts += [f"{rejects:,} rejects"] if rejects else []
    return " ".join(parts)
