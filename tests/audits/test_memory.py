"""Audits need no memory for each pair of equal rows, and spill beyond their limit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.records import Split
from tests.support.large_index import write_large_build

MEGABYTE = 1_000_000


def run_audit(build: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Run ``m3it audit`` in a process, and return its findings and its peak memory in bytes."""
    program = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run([sys.executable, '-m', 'm3it_builder', 'audit', sys.argv[1],"
        " '--json'], stdout=subprocess.PIPE)\n"
        "sys.stdout.buffer.write(done.stdout)\n"
        "sys.stderr.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(build)], capture_output=True, check=True
    )
    findings = {finding["audit"]: finding for finding in json.loads(done.stdout)}
    return findings, int(done.stderr) * 1024


def placeholder_build(folder: Path, train: int, validation: int) -> Path:
    rows: dict[Split, int] = {"train": train, "validation": validation}
    return write_large_build(folder, rows, placeholder=True)


def test_one_placeholder_image(tmp_path: Path) -> None:
    """All rows of both splits have one image and one input: 12 million pairs, one finding."""
    found, peak = run_audit(placeholder_build(tmp_path, 6_000, 2_000))
    leak = found["split_leak"]
    assert leak["count"] == 1
    (row,) = leak["rows"]
    assert (row["train_rows"], row["validation_rows"], row["test_rows"]) == (6_000, 2_000, 0)
    assert row["train_ids"] == [f"okvqa-train-{number:09}" for number in range(3)]
    assert peak < 400 * MEGABYTE


@pytest.mark.slow
def test_a_larger_placeholder(tmp_path: Path) -> None:
    found, peak = run_audit(placeholder_build(tmp_path, 30_000, 10_000))
    assert found["split_leak"]["count"] == 1
    assert peak < 400 * MEGABYTE


@pytest.mark.slow
@pytest.mark.timeout(1_200)
def test_two_million_rows(tmp_path: Path) -> None:
    """At most 2 GB; a million rows of each split, every one of which leaks."""
    rows: dict[Split, int] = {"train": 1_000_000, "validation": 1_000_000}
    found, peak = run_audit(write_large_build(tmp_path, rows, shared=1_000_000))
    assert found["split_leak"]["count"] == 1_000_000
    assert len(found["split_leak"]["rows"]) == 1_000
    assert peak < 2_000 * MEGABYTE
