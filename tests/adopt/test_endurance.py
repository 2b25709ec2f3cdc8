"""Slow tests of adoption: memory, and kills at random times."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.build.test_endurance import peak_kilobytes
from tests.support import published
from tests.support.paths import tree

pytestmark = pytest.mark.slow


def write_many(root: Path, count: int) -> Path:
    folder = root / "data" / "vqa" / "vqav2"
    rows = (
        {"id": n, "image_str": published.b64(n % 50), "question": f"{n}?", "answer": "a"}
        for n in range(count)
    )
    published.write_lines(folder / "train.jsonl", rows)
    published.write_pool(folder)
    return root


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = {}
    for count in (5_000, 50_000):
        root = write_many(tmp_path / str(count), count)
        words = [sys.executable, "-m", "m3it_builder", "adopt", str(root), "--workers", "1"]
        peaks[count] = peak_kilobytes([*words, "--out", str(tmp_path / f"out{count}")])
    assert peaks[50_000] <= 1.3 * peaks[5_000], peaks


def test_kill_at_random_times(tmp_path: Path) -> None:
    """Kill the process group repeatedly; the final result equals that of an undisturbed run."""
    root = write_many(tmp_path / "src", 6_000)
    formats = ["-f", "parquet", "-f", "jsonl"]
    words = [sys.executable, "-m", "m3it_builder", "adopt", str(root), *formats]
    start = time.monotonic()
    subprocess.run([*words, "--out", str(tmp_path / "undisturbed")], check=True,
                   capture_output=True)  # fmt: skip
    duration = time.monotonic() - start
    rng = random.Random(8)
    command = [*words, "--out", str(tmp_path / "out")]
    for _ in range(10):
        process = subprocess.Popen(
            command,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=rng.uniform(0.1, duration))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert tree(tmp_path / "out" / "vqa-v2") == tree(tmp_path / "undisturbed" / "vqa-v2")
