"""Slow tests: kill the parent alone, a worker alone, or interrupt, while another build runs.

Two builds run at once in one output folder, of two splits of one task or of two tasks. One of
them is disturbed at a random moment, again and again, while its source changes between two
versions. Whatever is reported as built must equal the result of an undisturbed build.

``M3IT_KILLS=full`` runs 50 kills of the parent, 20 of a worker and 20 interruptions; the default
is a fifth of that.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.arena import (
    OTHERS,
    Arena,
    new_arena,
    runs_after,
    runs_with_workers,
    unit_tree,
)
from tests.support.processes import Marked, m3it, needs_proc, send

pytestmark = [pytest.mark.slow, needs_proc]

DIVISOR = 1 if os.environ.get("M3IT_KILLS") == "full" else 5
GONE_SECONDS = 2.0

Disturb = Callable[[Marked, random.Random], None]


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    return new_arena(tmp_path_factory.mktemp("arena"))


@dataclass
class Run:
    """Disturbed builds of okvqa/train in one folder, beside builds of other units."""

    arena: Arena
    out: Path
    generator: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    version: int = 0

    def round(self, disturb: Disturb) -> tuple[int, str]:
        """Build two units, disturb the first, check both; return its status and messages."""
        other = OTHERS[self.counts["rounds"] % 2]
        self.counts["rounds"] += 1
        beside = self.arena.build(self.out, 0, other, *self._replaced(other))
        first = self.arena.build(self.out, self.version, ("okvqa", "train"), "--replace")
        try:
            disturb(first, self.generator)
            code, stderr = first.finish()
            left = first.await_end(GONE_SECONDS)
            assert not left, f"{len(left)} processes still run {GONE_SECONDS} s later"
            beside_code, beside_stderr = beside.finish()
            assert beside_code == 0, beside_stderr
        finally:
            first.kill_all()
            beside.kill_all()
        self.check(other)
        if code == 0:
            self.counts["not disturbed in time"] += 1
            self._next_version()
        return code, stderr

    def complete(self) -> None:
        """Repeat the command until it ends; the result is that of an undisturbed build."""
        repeated = self.arena.build(self.out, self.version, ("okvqa", "train"), "--replace")
        code, stderr = repeated.finish()
        assert code == 0, stderr
        assert not repeated.await_end(GONE_SECONDS)
        self.check(*OTHERS)
        assert unit_tree(self.out, "okvqa", "train") == self.arena.trees[self.version]
        verified = subprocess.run(m3it("verify", self.out), capture_output=True, text=True)
        assert verified.returncode == 0, verified.stdout + verified.stderr
        self.counts["reruns completed and verified"] += 1
        self._next_version()

    def check(self, *others: tuple[str, str]) -> None:
        """Compare all units that are reported as built with undisturbed builds."""
        built = unit_tree(self.out, "okvqa", "train")
        assert built is None or built in self.arena.trees
        self.counts["units compared"] += built is not None
        for unit in others:
            tree_of_unit = unit_tree(self.out, *unit)
            assert tree_of_unit in (None, self.arena.others[unit])
            self.counts["units compared"] += tree_of_unit is not None

    def runs_at_random_moment(self, process: Marked) -> bool:
        """Wait for a random moment of a build, often while it has workers."""
        if self.generator.random() < 0.4:
            return runs_after(process, self.generator.uniform(0.05, self.arena.seconds))
        moment = self.generator.uniform(0, 0.5 * self.arena.seconds)
        return runs_with_workers(process) and runs_after(process, moment)

    def _replaced(self, unit: tuple[str, str]) -> tuple[str, ...]:
        return ("--replace",) if unit_tree(self.out, *unit) is not None else ()

    def _next_version(self) -> None:
        self.version = 1 - self.version


@pytest.fixture
def run(arena: Arena, tmp_path: Path) -> Run:
    return Run(arena, tmp_path / "out", random.Random(9))


def report(run: Run, capsys: pytest.CaptureFixture[str], title: str) -> None:
    with capsys.disabled():
        os.write(1, f"\n{title}: {dict(run.counts)}\n".encode())


def test_killed_parent(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def disturb(process: Marked, generator: random.Random) -> None:
        if not run.runs_at_random_moment(process):
            return
        if generator.random() < 0.4:  # workers are stalled, as by a slow disk
            stalled = process.children()
            for child in stalled:
                send(child, signal.SIGSTOP)
            run.counts["with stalled workers"] += bool(stalled)
        run.counts["with workers"] += bool(process.children())
        process.process.send_signal(signal.SIGKILL)
        run.counts["kills"] += 1
        # Stopped in its first moments, before it asked the kernel to follow its parent; it has
        # done nothing yet, and ends when it goes on.
        for child in process.await_end(GONE_SECONDS):
            send(child, signal.SIGCONT)

    while run.counts["kills"] < 50 // DIVISOR:
        code, stderr = run.round(disturb)
        assert code in (0, -signal.SIGKILL), stderr
        if run.counts["rounds"] % 4 == 0:
            run.complete()
    run.complete()
    report(run, capsys, "parent killed")


def test_killed_worker(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    def disturb(process: Marked, generator: random.Random) -> None:
        runs_with_workers(process)
        runs_after(process, generator.uniform(0, 0.5 * run.arena.seconds))
        if children := process.children():
            send(generator.choice(children), signal.SIGKILL)
            run.counts["kills"] += 1

    while run.counts["kills"] < 20 // DIVISOR:
        code, stderr = run.round(disturb)
        if code:  # it may have been idle, with no job left
            assert code == 1, stderr
            assert "Traceback" not in stderr
            lines = [line for line in stderr.splitlines() if line.startswith("m3it: ")]
            assert len(lines) == 1, stderr
            assert "a worker process was killed (SIGKILL)" in lines[0]
            run.counts["one clear line"] += 1
        if run.counts["rounds"] % 4 == 0:
            run.complete()
    run.complete()
    assert run.counts["one clear line"] >= run.counts["kills"] // 2
    report(run, capsys, "worker killed")


@pytest.mark.parametrize("kind", [signal.SIGTERM])
def test_interrupted_parent(
    run: Run, capsys: pytest.CaptureFixture[str], kind: signal.Signals
) -> None:
    def disturb(process: Marked, _: random.Random) -> None:
        if run.runs_at_random_moment(process):
            run.counts["with workers"] += bool(process.children())
            process.process.send_signal(kind)
            run.counts["interruptions"] += 1

    while run.counts["interruptions"] < 20 // DIVISOR:
        code, stderr = run.round(disturb)
        # Before the command has started, Python itself handles the signal.
        assert code in (0, 128 + kind, -kind), stderr
        if code == 128 + kind:
            assert "m3it: interrupted; repeat the command to resume" in stderr
            assert "Traceback" not in stderr
            run.counts["clean ends"] += 1
        work = run.out / "okvqa" / ".m3it" / "train"
        assert not [path for path in work.rglob("*.partial*")]
        if run.counts["rounds"] % 4 == 0:
            run.complete()
    run.complete()
    report(run, capsys, kind.name)
