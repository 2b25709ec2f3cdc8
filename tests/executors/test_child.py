"""Child processes end with their parent, and import nothing from the current folder."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from m3it_builder.errors import BuildError
from m3it_builder.executors.child import start_child
from m3it_builder.executors.local import run
from m3it_builder.executors.pool import WorkerTraceback
from tests.executors import jobs
from tests.support.paths import ROOT
from tests.support.processes import Marked, needs_proc, send, wait_until

GONE_SECONDS = 2.0


@pytest.fixture
def program(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Marked]:
    """Start a program of ``jobs`` that the test names as the parameter of this fixture."""
    words = [sys.executable, "-m", "tests.executors.jobs", request.param, tmp_path]
    started = Marked(words, cwd=ROOT)
    yield started
    started.kill_all()


def has_workers(folder: Path) -> bool:
    return (folder / "one").exists() and (folder / "two").exists()


@needs_proc
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("stalled", [False, True])
@pytest.mark.parametrize("program", ["waiting"], indirect=True)
def test_workers_end_with_their_parent(
    program: Marked, tmp_path: Path, kind: signal.Signals, stalled: bool
) -> None:
    wait_until(lambda: has_workers(tmp_path))
    children = program.children()
    assert len(children) == 2, "there are two workers, and no other process"
    if stalled:
        if sys.platform != "linux":
            pytest.skip("only the Linux kernel kills a stopped process")
        for child in children:
            send(child, signal.SIGSTOP)
    program.process.send_signal(kind)
    assert program.await_end(GONE_SECONDS) == []
    assert not (tmp_path / "three").exists(), "no worker went on with the next job"


@needs_proc
@pytest.mark.parametrize("program", ["threaded_waiting"], indirect=True)
def test_workers_started_by_another_thread_end_with_their_parent(
    program: Marked, tmp_path: Path
) -> None:
    wait_until(lambda: has_workers(tmp_path))
    program.process.send_signal(signal.SIGKILL)
    assert program.await_end(GONE_SECONDS) == []


@pytest.mark.parametrize("program", ["threaded"], indirect=True)
def test_workers_outlive_the_thread_that_started_them(program: Marked, tmp_path: Path) -> None:
    assert program.finish()[0] == 0
    assert (tmp_path / "received").read_text() == str(list(range(10)))


@needs_proc
@pytest.mark.parametrize("program", ["forking"], indirect=True)
def test_fork_of_the_parent_does_not_keep_workers_alive(program: Marked, tmp_path: Path) -> None:
    wait_until(lambda: (tmp_path / "forked").exists())
    fork = int((tmp_path / "forked").read_text())
    program.process.send_signal(signal.SIGKILL)
    wait_until(lambda: program.running() == [fork], GONE_SECONDS)


@pytest.mark.parametrize("program", ["large"], indirect=True)
def test_large_jobs_results_and_much_progress(program: Marked, tmp_path: Path) -> None:
    assert program.finish()[0] == 0
    assert (tmp_path / "received").read_text() == f"{6 * 2_000} {6 * 3_000_000}"


HOSTILE = ("signal", "ctypes", "json", "pickle", "selectors", "numpy", "av", "PIL", "pyarrow")


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a folder with files that are named like modules, and note when they run."""
    folder = tmp_path / "download"
    for name in HOSTILE:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(
            f"import os\nopen({str(tmp_path / 'executed')!r}, 'a').write({name!r} + chr(10))\n"
        )
        (folder / f"{name}.py").write_text((folder / name / "__init__.py").read_text())
    monkeypatch.chdir(folder)
    return tmp_path / "executed"


def test_workers_do_not_import_from_the_current_folder(hostile: Path) -> None:
    folder = os.fspath(Path.cwd())
    assert list(run(jobs.modules_from, [folder] * 4, 2)) == [[]] * 4
    assert not hostile.exists()


def test_modules_of_the_parent_are_importable_in_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "m3it_own_jobs.py").write_text("def double(n):\n    return 2 * n\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("m3it_own_jobs")
    assert sorted(run(module.double, [1, 2, 3], 2)) == [2, 4, 6]


def test_children_of_workers_are_protected_and_this_process_is_not_changed() -> None:
    before = dict(os.environ)
    assert list(run(jobs.environment, ["PYTHONSAFEPATH"] * 2, 2)) == ["1", "1"]
    assert dict(os.environ) == before


def test_child_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(fake))
    with pytest.raises(BuildError, match=r"did not start \(exit status 3\)"):
        list(run(jobs.wait_a_little, range(4), 2))


def test_worker_that_exits() -> None:
    with pytest.raises(BuildError, match=r"a worker process died \(exit status 7\)"):
        list(run(jobs.end_with_status_seven, range(4), 2))


def test_exception_has_the_traceback_of_the_worker() -> None:
    with pytest.raises(RuntimeError, match=r"StrangeError: file.jpg:12") as caught:
        list(run(jobs.raise_strange, range(4), 2))
    assert isinstance(caught.value.__cause__, WorkerTraceback)
    assert "in raise_strange" in str(caught.value.__cause__)
    with pytest.raises(TypeError, match="cannot pickle"):
        list(run(jobs.return_unpicklable, range(4), 2))


def test_output_of_jobs_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    assert sorted(run(jobs.print_and_return, range(4), 2)) == [0, 1, 2, 3]
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("noise of a native library") == 4
    assert list(run(jobs.read_stdin, range(2), 2)) == [b"", b""]


def test_workers_leave_the_signals_of_a_terminal_to_their_parent() -> None:
    assert list(run(jobs.ignored_signals, range(2), 2)) == [["SIGINT", "SIGHUP"]] * 2


@pytest.mark.parametrize("program", ["abandoning"], indirect=True)
def test_abandoned_jobs_remove_their_partial_files(program: Marked, tmp_path: Path) -> None:
    assert program.finish()[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.started", "b.started"]


def test_child_ends_when_its_pipe_does() -> None:
    child = start_child("m3it_builder.executors.worker", subprocess.DEVNULL)
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdin, child.stdout:
        child.stdin.close()
        assert child.wait(60) == 0
