"""The command, run as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run_m3it(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "m3it_builder", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    """See that a command failed as foreseen: its status, one clear line, no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("m3it: ")]
    assert len(lines) == 1, done.stderr
    for words in said:
        assert words in lines[0], f"{words!r} is not in {lines[0]!r}"
