"""Units side by side: all forty tasks with two workers, and two builds of half of them each.

Both rebuild everything from the same sample data. Time is wall-clock time; a build of half the
tasks has one worker, and the two run at the same time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from m3it_builder.build.plan import load_pipeline

NAME = Path(__file__).stem
SAMPLE_ROWS = int(os.environ.get("M3IT_BENCH_SAMPLE_ROWS", "1500"))  # of each split


@dataclass(frozen=True, slots=True)
class Started:
    """A build in a process of its own."""

    process: subprocess.Popen[bytes]
    reports: IO[bytes]  # its output
    began: float


def run() -> dict[str, object]:
    """Return rows a second of both, and their ratio."""
    tasks = load_pipeline("m3it").tasks
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        _rate([_start(out, tasks, 2)])  # writes the sample data
        together = _rate([_start(out, tasks, 2)])
        apart = _rate([_start(out, half, 1) for half in (tasks[::2], tasks[1::2])])
    return {
        "rows per split": SAMPLE_ROWS,
        "rows a second, two workers": round(together),
        "rows a second, two builds": round(apart),
        "two workers, against two builds": round(together / apart, 2),
    }


def _start(out: Path, tasks: Sequence[str], workers: int) -> Started:
    words = [sys.executable, "-m", "m3it_builder", "build", "--sample", "--replace", "--json"]
    words += ["--sample-rows", str(SAMPLE_ROWS), "--out", str(out), "--workers", str(workers)]
    for name in tasks:
        words += ["--task", name]
    reports = tempfile.TemporaryFile()
    process = subprocess.Popen(words, stdout=reports, stderr=subprocess.DEVNULL)
    return Started(process, reports, time.perf_counter())


def _rate(builds: Sequence[Started]) -> float:
    """Wait for builds that run at the same time; return the sum of their rows a second."""
    rates: dict[int, float] = {}
    while len(rates) < len(builds):
        time.sleep(0.02)
        for number, build in enumerate(builds):
            if number not in rates and build.process.poll() is not None:
                rates[number] = _rows(build) / (time.perf_counter() - build.began)
    return sum(rates.values())


def _rows(build: Started) -> int:
    if build.process.returncode:
        raise SystemExit(f"a build ended with status {build.process.returncode}")
    with build.reports as file:
        file.seek(0)
        return sum(one["rows"] for one in json.load(file))
