"""Slow tests: bounded memory, and kill -9 at random moments."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample
from tests.support.paths import tree

pytestmark = pytest.mark.slow


def command(sources: Path, out: Path, *more: str) -> list[str]:
    words = ["build", "--task", "okvqa", "--split", "train", "--source", str(sources)]
    return [sys.executable, "-m", "m3it_builder", *words, "--out", str(out), *more]


def peak_kilobytes(words: list[str]) -> int:
    """Return the peak memory of a process and its children, in kB."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True,"
        " stdout=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.parametrize("formats", [("webdataset",), ("webdataset", "parquet", "arrow", "jsonl")])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, formats: tuple[str, ...]) -> None:
    peaks = {}
    for count in (2_000, 20_000):
        sources = tmp_path / f"src{count}"
        write_sample(load_task("okvqa"), sources, count)
        flags = [word for name in formats for word in ("--format", name)]
        out = tmp_path / f"out{count}"
        peaks[count] = peak_kilobytes(command(sources, out, "--workers", "1", *flags))
    assert peaks[20_000] <= 1.3 * peaks[2_000], peaks


KILLS = 50


def test_kill_at_random_moments(tmp_path: Path) -> None:
    """Kill the process group repeatedly; the result equals that of an uninterrupted build.

    After each finished build a row is removed from the source, or restored, and the next
    build replaces it: first builds and incremental ones are both killed.
    """
    sources = [tmp_path / "all", tmp_path / "fewer"]
    write_sample(load_task("okvqa"), sources[0], 3_000)
    shutil.copytree(sources[0], sources[1])
    for name, key in (("OpenEnded_mscoco_train2014_questions", "questions"),
                      ("mscoco_train2014_annotations", "annotations")):  # fmt: skip
        path = sources[1] / "okvqa-annotations" / f"{name}.json"
        value = json.loads(path.read_text())
        del value[key][1_234]
        path.write_text(json.dumps(value))
    pipeline = tmp_path / "small.yaml"
    pipeline.write_text("output: {format: [webdataset, parquet, jsonl, arrow], shard_mb: 0.3}\n")
    more = ("--pipeline", str(pipeline), "--workers", "2")
    start = time.monotonic()
    expected = []
    for source in sources:
        target = tmp_path / f"expected-{source.name}"
        subprocess.run(command(source, target, *more), check=True, capture_output=True)
        expected.append(tree(target))
    assert expected[0] != expected[1]
    duration = (time.monotonic() - start) / 2
    generator = random.Random(20)
    out = tmp_path / "out"
    kills = finished = 0
    while kills < KILLS or finished < 3:
        which = finished % 2
        replace = ("--replace",) if finished else ()
        process = subprocess.Popen(
            command(sources[which], out, *more, *replace),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=generator.uniform(0.05, duration) if kills < KILLS else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert process.returncode == 0
            assert tree(out) == expected[which]
            finished += 1
        if not (out / "okvqa" / "meta" / "train" / "manifest.json").exists():
            assert not (out / "okvqa" / "README.md").exists()
            assert not (out / "README.md").exists()
    last = [*command(sources[finished % 2], out, *more), "--replace"]
    assert subprocess.run(last, check=False, capture_output=True).returncode == 0
    assert tree(out) == expected[finished % 2]
