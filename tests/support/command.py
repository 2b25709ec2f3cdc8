"""Run the command line in a process of its own, and check how it failed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def run_m3it(
    *arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``m3it`` in a new process and return its status and output."""
    return subprocess.run(
        [sys.executable, "-m", "m3it_builder", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def build_okvqa(sources: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``m3it build`` for the train split of OK-VQA."""
    words = ("build", "--task", "okvqa", "--source", sources, "--out", out, "--split", "train")
    return run_m3it(*words, *options)


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *expected: str) -> None:
    """Require a foreseen failure: exit status, one line that contains some texts, no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("m3it: ")]
    assert len(lines) == 1, done.stderr
    for text in expected:
        assert text in lines[0], f"{text!r} is not in {lines[0]!r}"


def assert_usage_error(done: subprocess.CompletedProcess[str], *expected: str) -> None:
    """Require wrong usage: status 2, the usage, and one line that contains some texts."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Usage: ")
    lines = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, done.stderr
    for text in expected:
        assert text in lines[0], f"{text!r} is not in {lines[0]!r}"
