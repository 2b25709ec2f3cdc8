"""Run the command line in this process: as fast as a function, for tests with many cases."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from m3it_builder.cli import app
from m3it_builder.errors import foreseen


class Outcome(NamedTuple):
    """What a command did."""

    status: int
    stdout: str
    lines: list[str]  # of messages on stderr


def call_m3it(*words: str | Path) -> Outcome:
    """Run ``m3it``; foreseen errors become one line, as in ``main``, all others are raised."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    lines = [line for line in done.stderr.splitlines() if line.startswith(("m3it: ", "Error: "))]
    if done.exception is None or isinstance(done.exception, SystemExit):
        return Outcome(done.exit_code, done.stdout, lines)
    error = foreseen(done.exception)
    if error is None:
        raise done.exception
    return Outcome(error.exit_code, done.stdout, [*lines, f"m3it: {error}"])
