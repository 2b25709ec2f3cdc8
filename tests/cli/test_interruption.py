"""Signals: an orderly end, no process left behind, no file of a dead build in a finished one."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample
from tests.support.command import assert_one_line, build_okvqa, run_m3it
from tests.support.paths import tree
from tests.support.processes import Marked, m3it, needs_proc, send, wait_until

pytestmark = needs_proc

GONE_SECONDS = 2.0
MESSAGE = "m3it: interrupted; repeat the command to resume"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 600 examples of OK-VQA; together with small shards, workers have enough to do."""
    folder: Path = tmp_path_factory.mktemp("sample")
    write_sample(load_task("okvqa"), folder / "src", 600)
    (folder / "small.yaml").write_text("output: {format: [webdataset, parquet], shard_mb: 0.1}\n")
    return folder


@pytest.fixture
def build(sample: Path, tmp_path: Path) -> Iterator[Marked]:
    """Start a build with two workers."""
    started = Marked(m3it(*words(sample, tmp_path / "out")))
    yield started
    started.kill_all()


def words(sample: Path, out: Path, *more: str, split: str = "train") -> list[str | Path]:
    command: list[str | Path] = ["build", "--task", "okvqa", "--split", split, "--out", out]
    options: list[str | Path] = [
        "--source",
        sample / "src",
        "--pipeline",
        sample / "small.yaml",
        "--workers",
        "2",
    ]
    return [*command, *options, *more]


def packing(build: Marked, folder: Path) -> list[int]:
    """Return the workers of a build once they are packing."""

    def started() -> set[int]:
        names = " ".join(path.name for path in partial_files(folder / "out"))
        return {int(number) for number in re.findall(r"\.(\d+)-[0-9a-f]+\.partial\b", names)}

    wait_until(lambda: len(started() & set(build.children())) == 2)
    return build.children()


def partial_files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.partial*"))


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_build(
    build: Marked, sample: Path, tmp_path: Path, kind: signal.Signals
) -> None:
    packing(build, tmp_path)
    build.process.send_signal(kind)
    code, stderr = build.finish()
    assert (code, stderr) == (128 + kind, f"{MESSAGE}\n")
    assert build.running() == []
    assert partial_files(tmp_path) == []
    assert not list(tmp_path.rglob("manifest.json"))
    assert run_m3it(*words(sample, tmp_path / "out")).returncode == 0
    assert run_m3it(*words(sample, tmp_path / "undisturbed")).returncode == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")


def test_signal_without_workers(sample: Path, tmp_path: Path) -> None:
    build = Marked(m3it(*words(sample, tmp_path, "--workers", "1")))
    wait_until(lambda: any(tmp_path.rglob("*.partial")))
    build.process.send_signal(signal.SIGTERM)
    assert build.finish() == (143, f"{MESSAGE}\n")
    assert partial_files(tmp_path) == []


def test_second_signal_ends_a_build_at_once(build: Marked, tmp_path: Path) -> None:
    for child in packing(build, tmp_path):
        send(child, signal.SIGSTOP)  # so that the first signal has to wait for them
    build.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert build.process.poll() is None
    build.process.send_signal(signal.SIGTERM)
    assert build.finish(GONE_SECONDS)[0] == 143
    assert build.await_end(GONE_SECONDS) == []


def test_stopped_workers_do_not_delay_the_end_for_long(build: Marked, tmp_path: Path) -> None:
    for child in packing(build, tmp_path):
        send(child, signal.SIGSTOP)
    build.process.send_signal(signal.SIGTERM)
    assert build.finish(20)[0] == 143
    assert build.running() == []


def test_nohup(sample: Path, tmp_path: Path) -> None:
    build = Marked(["nohup", *m3it(*words(sample, tmp_path))])
    build.await_children(2)
    for number in build.running():  # as when a terminal closes
        send(number, signal.SIGHUP)
    assert build.finish()[0] == 0


def test_signal_in_a_finalizer(tmp_path: Path) -> None:
    """Python drops exceptions there; the command ends all the same, without a traceback."""
    program = """
import os, signal, time
from m3it_builder.cli.interruption import handle_signals, Interrupted
class Finalized:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
handle_signals()
try:
    Finalized()
    time.sleep(5)
except Interrupted:
    print("interrupted", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_interrupted_query(sample: Path, tmp_path: Path) -> None:
    assert build_okvqa(sample / "src", tmp_path, "--limit", "5").returncode == 0
    query = "SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = hash(a.range) % 3"
    process = Marked(m3it("sql", tmp_path, query))
    time.sleep(2)
    process.process.send_signal(signal.SIGTERM)
    try:
        assert process.finish(60) == (143, f"{MESSAGE}\n")
    finally:
        process.kill_all()


def test_killed_worker_is_one_line(build: Marked, sample: Path, tmp_path: Path) -> None:
    send(build.await_children(2)[0], signal.SIGKILL)
    code, stderr = build.finish()
    assert code == 1
    assert stderr.startswith("m3it: a worker process was killed (SIGKILL), possibly for lack of")
    assert stderr.count("\n") == 1
    assert build.await_end(GONE_SECONDS) == []
    assert run_m3it(*words(sample, tmp_path / "out")).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills a stopped process")
def test_stalled_workers_of_a_killed_build_do_not_touch_the_next_one(
    build: Marked, sample: Path, tmp_path: Path
) -> None:
    """Workers are stopped, as by a slow disk, and wake after another build has finished."""
    stalled = packing(build, tmp_path)
    for child in stalled:
        send(child, signal.SIGSTOP)
    build.process.send_signal(signal.SIGKILL)
    limited = ("--limit", "200")
    assert run_m3it(*words(sample, tmp_path / "out", *limited)).returncode == 0
    for child in stalled:
        send(child, signal.SIGCONT)
    assert build.await_end(GONE_SECONDS) == []
    assert run_m3it(*words(sample, tmp_path / "undisturbed", *limited)).returncode == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "undisturbed")
    assert run_m3it("verify", tmp_path / "out").returncode == 0


def test_two_builds_of_one_unit(build: Marked, sample: Path, tmp_path: Path) -> None:
    for child in build.await_children(2):
        send(child, signal.SIGSTOP)  # so that the first build is still running
    again = run_m3it(*words(sample, tmp_path / "out"))
    assert_one_line(again, 1, "another process is building okvqa/train")
    for child in build.children():
        send(child, signal.SIGCONT)
    assert build.finish()[0] == 0
    assert run_m3it("verify", tmp_path / "out").returncode == 0


def test_two_builds_of_two_splits(sample: Path, tmp_path: Path) -> None:
    splits = ("train", "validation")
    builds = [Marked(m3it(*words(sample, tmp_path / "out", split=split))) for split in splits]
    assert [build.finish()[0] for build in builds] == [0, 0]
    for split in splits:
        assert run_m3it(*words(sample, tmp_path / "one", split=split)).returncode == 0
    assert tree(tmp_path / "out") == tree(tmp_path / "one")
