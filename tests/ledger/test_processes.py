"""Several processes on one ledger, and processes that are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.store import Ledger
from m3it_builder.ledger.summary import summarize
from tests.support.ledgers import STAGE, key, new_answer, new_attempt
from tests.support.paths import ROOT

COUNT = 400
KILLS = 20

# Fills more pages than the cache has, so that they are written before the commit, and dies.
DIE_IN_COMMIT = """
import os, sys
from pathlib import Path
from m3it_builder.ledger.store import Ledger
from tests.support.ledgers import new_answer
ledger = Ledger(Path(sys.argv[1]))
with ledger.commit() as connection:
    connection.execute("PRAGMA cache_size=1")
    connection.execute("UPDATE answers SET text = text || hex(randomblob(2000))")
    os.kill(os.getpid(), 9)
"""
CLAIM_AND_DIE = """
import os, sys
from pathlib import Path
from m3it_builder.ledger.store import Ledger
from tests.support.ledgers import new_answer, new_attempt
ledger = Ledger(Path(sys.argv[1]))
claims = ledger.claim([new_attempt(number) for number in range(3)])
ledger.answer(claims[0].attempt, new_answer(0), 0.125)
ledger.flush()
ledger.answer(claims[1].attempt, new_answer(1), 0.125)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def start(path: Path, seed: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.support.ledgers", str(path), str(seed), str(COUNT)]
    return subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(script: str, path: Path) -> None:
    words = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


def reported(output: str) -> dict[str, list[int]]:
    """Return the numbers that a process claimed and answered, from its complete lines."""
    numbers: dict[str, list[int]] = {"claimed": [], "answered": []}
    for line in output.splitlines(keepends=True):
        word, _, number = line.partition(" ")
        if number.endswith("\n"):
            numbers[word].append(int(number))
    return numbers


def states(path: Path) -> dict[str, int]:
    return {state: count for state, count in summarize(path)[0].attempts.items() if count}


def test_two_writers_make_the_union_and_nothing_twice(path: Path) -> None:
    """Both create the ledger, and want the same requests in other orders."""
    writers = [start(path, seed) for seed in (1, 2)]
    outputs = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], outputs
    claimed = [number for output, _ in outputs for number in reported(output)["claimed"]]
    assert sorted(claimed) == list(range(COUNT))
    assert states(path) == {"answered": COUNT}
    with open_answers(path) as answers:
        found = dict(answers.get_many(map(key, range(COUNT))))
    assert found == {key(number): new_answer(number) for number in range(COUNT)}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_kills_lose_nothing_that_was_reported(path: Path) -> None:
    """One process fills the ledger and is killed, again and again; a last one completes it."""
    generator = random.Random(12)
    claimed: Counter[int] = Counter()
    answered: set[int] = set()
    for seed in range(KILLS):
        writer = start(path, seed)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        seen = "".join(writer.stdout.readline() for _ in range(generator.randrange(30)))
        writer.kill()
        numbers = reported(seen + writer.communicate()[0])
        assert not answered & set(numbers["claimed"]), "an answered request was sent again"
        claimed.update(numbers["claimed"])
        answered.update(numbers["answered"])
        with open_answers(path) as answers:
            found = dict(answers.get_many(map(key, sorted(answered))))
        assert found == {key(number): new_answer(number) for number in answered}
        assert "sent" not in states(path), "statistics count what a killed process sent as unknown"
    writer = start(path, KILLS)
    _, errors = writer.communicate(timeout=120)
    assert writer.returncode == 0, errors
    with Ledger(path) as ledger:
        assert ledger.answers.count() == COUNT
        spend = ledger.spend(STAGE)
    counts = Counter(states(path))
    assert counts["answered"] + counts["unknown"] >= sum(claimed.values())
    assert (spend.cost_usd, spend.reserved_usd) == (
        0.125 * counts["answered"],
        0.25 * counts["unknown"],
    )
    assert [file.name for file in path.parent.iterdir()] == [path.name], (
        "lock files of killed processes are removed"
    )


def test_what_a_killed_process_sent_is_unknown_and_can_be_sent_again(path: Path) -> None:
    run(CLAIM_AND_DIE, path)
    assert states(path) == {"answered": 1, "unknown": 2}
    with Ledger(path) as ledger:
        assert ledger.spend(STAGE).upper_usd == 0.125 + 2 * 0.25
        claims = ledger.claim([new_attempt(number) for number in range(3)])
        assert [claim.state for claim in claims] == ["answered", "claimed", "claimed"]
        assert states(path) == {"answered": 1, "unknown": 2, "sent": 2}


def test_a_process_notices_that_another_was_killed(path: Path) -> None:
    with Ledger(path) as ledger:
        run(CLAIM_AND_DIE, path)
        claims = ledger.claim([new_attempt(number) for number in range(3)])
        assert [claim.state for claim in claims] == ["answered", "claimed", "claimed"]
    assert states(path) == {"answered": 1, "unknown": 4}


def test_the_first_reader_after_a_kill_restores_the_last_commit(path: Path) -> None:
    with Ledger(path) as ledger:
        claims = ledger.claim([new_attempt(number) for number in range(200)])
        for number, claim in enumerate(claims):
            ledger.answer(claim.attempt or 0, new_answer(number), 0.125)
    run(DIE_IN_COMMIT, path)
    assert path.with_name(f"{path.name}-journal").stat().st_size > 0
    with open_answers(path) as answers:
        found = dict(answers.get_many(map(key, range(200))))
    assert found == {key(number): new_answer(number) for number in range(200)}
