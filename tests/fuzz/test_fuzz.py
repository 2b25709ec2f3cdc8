"""Readers of strangers' files raise their own errors, whatever they are given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.__main__ import CORPUS
from tests.fuzz.targets import TARGETS, run
from tests.support.paths import ROOT

SECONDS = int(os.environ.get("M3IT_FUZZ_SECONDS", "120"))  # for all targets together
STORED = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    """Seeds are what the reader accepts, but for those at the end that it must refuse."""
    seeds = list(TARGETS[name].seeds())
    TARGETS[name].read(seeds[0])
    for data in seeds:
        run(TARGETS[name], data)


@pytest.mark.parametrize("path", STORED, ids=[f"{p.parent.name}-{p.name}" for p in STORED])
def test_inputs_that_once_failed(path: Path) -> None:
    run(TARGETS[path.parent.name], path.read_bytes())


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("name", TARGETS)
def test_fuzz(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [sys.executable, "-m", "tests.fuzz", name, str(SECONDS // len(TARGETS)), str(tmp_path)]
    env = {**os.environ, "M3IT_FUZZ_FOLDER": str(tmp_path)}
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=env)
    failing = [path.read_bytes()[:500] for path in tmp_path.glob("*-*") if path.is_file()]
    assert done.returncode == 0, f"{failing}\n{done.stderr[-4000:]}"
    count = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert count, done.stderr[-2000:]
    assert int(count[1]) > 100, done.stderr[-2000:]
    with capsys.disabled():
        os.write(1, f"\nfuzz {name}: {int(count[1]):,} inputs\n".encode())
