"""Slow test: kill -9 while siblings are built, from two versions of their base."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample
from tests.support.paths import tree
from tests.support.processes import m3it

pytestmark = pytest.mark.slow

KILLS = 20
SMALL = "output: {format: [webdataset, parquet, jsonl, arrow], shard_mb: 0.3}\n"


def command(out: Path, *words: str) -> list[str]:
    return [*m3it("build"), "--out", str(out), "--workers", "2", *words]


def test_killed_siblings_are_resumed(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    write_sample(load_task("okvqa"), tmp_path / "src", 3_000)
    pipeline = ("--pipeline", str(tmp_path / "small.yaml"))
    expected, bases, seconds = [], [], 0.0
    for seed in ("1", "2"):
        base = tmp_path / f"base{seed}"
        source = ("--task", "okvqa", "--source", str(tmp_path / "src"), "--seed", seed)
        subprocess.run(command(base, *source, *pipeline), check=True, capture_output=True)
        bases.append(base)
        whole = Path(shutil.copytree(base, tmp_path / f"whole{seed}"))
        began = time.monotonic()
        subprocess.run(
            command(whole, "--task", "okvqa-rephrased", *pipeline), check=True, capture_output=True
        )
        seconds = time.monotonic() - began
        expected.append(tree(whole))
    assert expected[0] != expected[1]
    generator, out = random.Random(3), tmp_path / "out"
    shutil.copytree(bases[0], out)
    kills = finished = 0
    while kills < KILLS or finished < 3:
        words = ("--task", "okvqa-rephrased", *pipeline, *(("--replace",) if finished else ()))
        process = subprocess.Popen(
            command(out, *words),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = generator.uniform(0.2, seconds) if kills < KILLS else None
        try:
            assert process.wait(timeout=limit) == 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert tree(out) == expected[finished % 2]
        finished += 1
        # The other version of the base takes the place of this one.
        shutil.rmtree(out / "okvqa")
        shutil.copytree(bases[finished % 2] / "okvqa", out / "okvqa")
