"""Progress on stderr: bars on a terminal, an occasional line in a log."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from m3it_builder.cli.output import console, one_line, print_message
from m3it_builder.progress import Unit

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

_LINE_SECONDS = 30.0


def progress_display() -> ProgressBars | ProgressLines:
    """Return bars if stderr is a terminal, else lines."""
    return ProgressBars() if sys.stderr.isatty() else ProgressLines()


class ProgressBars:
    """One bar per phase, with rate, remaining time and rejects."""

    def __init__(self) -> None:
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        self._phase = _Phase("", None, "rows")

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Show a new bar."""
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
        )
        from rich.table import Column

        self._phase = _Phase(title, total, unit)
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<32}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True)),
            _clock_column(),
            console=console(stderr=True),
        )
        self._bars.start()
        self._task = self._bars.add_task(one_line(title), total=total, note="")

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Advance the bar."""
        self._phase.advance(done, size, rejects)
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, advance=done, note=str(self._phase))

    def finish(self) -> None:
        """Complete the bar and stop updating it; it remains on the screen.

        The total of a phase may be an estimate, such as the published number of rows; when the
        phase has ended, it is what was done. After an error the bar is left as it is.
        """
        if self._bars is None or self._task is None:
            return
        if sys.exc_info()[0] is None:  # callers end a phase in a ``finally``
            self._phase.complete()
            done = max(1, self._phase.done)  # 0 of 0 is not drawn as complete
            self._bars.update(self._task, total=done, completed=done, note=str(self._phase))
        self._bars.stop()

    def note(self, message: str) -> None:
        """Print a line."""
        print_message(f"note: {message}")


def clock(elapsed: float | None, remaining: float | None, is_finished: bool) -> str:
    """Return one time of a phase, in seconds, with its meaning."""
    if is_finished or remaining is None:
        return f"{_duration(elapsed or 0)} elapsed"
    return f"{_duration(remaining)} left"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _clock_column() -> ProgressColumn:
    from rich.progress import ProgressColumn, Task
    from rich.table import Column
    from rich.text import Text

    class Clock(ProgressColumn):
        max_refresh = 0.5  # seconds

        def render(self, task: Task) -> Text:
            return Text(clock(task.elapsed, task.time_remaining, task.finished))

    return Clock(table_column=Column(no_wrap=True))


class ProgressLines:
    """A line every half minute, for logs."""

    def __init__(self) -> None:
        self._phase = _Phase("", None, "rows")
        self._printed = 0.0  # monotonic seconds

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        """Begin a phase; nothing is printed yet."""
        self._phase = _Phase(title, total, unit)
        self._printed = time.monotonic()

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        """Print a line if the last one is old enough."""
        self._phase.advance(done, size, rejects)
        now = time.monotonic()
        if now - self._printed >= _LINE_SECONDS:
            self._printed = now
            print_message(f"{self._phase.title}: {self._phase}")

    def finish(self) -> None:
        """Print nothing: the summary follows."""

    def note(self, message: str) -> None:
        """Print a line."""
        print_message(f"note: {message}")


class _Phase:
    """Counts of one phase; ``str`` gives count, total, rate, bytes written and rejects."""

    def __init__(self, title: str, total: int | None, unit: Unit) -> None:
        self.title = title
        self._total = total
        self._unit = unit
        self.done = self._size = self._rejects = 0
        self._started = time.monotonic()

    def advance(self, done: int, size: int, rejects: int) -> None:
        self.done += done
        self._size += size
        self._rejects += rejects

    def complete(self) -> None:
        """Replace an estimated total by what was done."""
        self._total = self.done

    def __str__(self) -> str:
        from rich.filesize import decimal

        def amount(count: int) -> str:
            return decimal(count) if self._unit == "bytes" else f"{count:,}"

        rate = round(self.done / max(time.monotonic() - self._started, 0.001))
        is_open = self._total and self._total != self.done
        total = f" of {amount(self._total or 0)}" if is_open else ""
        parts = [f"{amount(self.done)}{total}"]
        parts += [] if self._unit == "units" else [f"{amount(rate)}/s"]
        parts += [decimal(self._size)] if self._size else []
        parts += [f"{self._rejects:,} rejects"] if self._rejects else []
        return ", ".join(parts)
