"""``m3it ledger`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.store import Ledger
from tests.support.command import assert_one_line, assert_usage_error, run_m3it
from tests.support.ledgers import fill, new_attempt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a ledger under its default name."""
    fill(tmp_path / "m3it-ledger.sqlite", range(3))
    fill(tmp_path / "m3it-ledger.sqlite", range(3, 5), prompt_version="paraphrase-2")
    with Ledger(tmp_path / "m3it-ledger.sqlite") as ledger:
        ledger.claim([new_attempt(9)])
    return tmp_path


def test_stats(folder: Path) -> None:
    text = run_m3it("ledger", "stats", cwd=folder).stdout
    for words in ("paraphrase-1", "$0.3750", "$0.2500", "5 answers, $0.6250 paid"):
        assert words in text
    first, second = json.loads(run_m3it("ledger", "stats", "--json", cwd=folder).stdout)
    assert first == {
        "stage": "paraphrase",
        "model": "gpt-example",
        "prompt_version": "paraphrase-1",
        "answers": 3,
        "input_tokens": 30,
        "output_tokens": 15,
        "cost_usd": 0.375,
        "reserved_usd": 0.25,
        "attempts": {"sent": 0, "answered": 3, "failed": 0, "unknown": 1},
    }
    assert second["prompt_version"] == "paraphrase-2"


def test_export_import_and_prune(folder: Path) -> None:
    done = run_m3it("ledger", "export", "out", cwd=folder)
    assert done.stdout == "out: 5 answers, 6 attempts\n"
    other = {"M3IT_LEDGER": str(folder / "other.sqlite")}
    done = run_m3it("ledger", "import", "out", "--json", cwd=folder, env=other)
    assert json.loads(done.stdout) == {"added": 5, "equal": 0, "differing": 0}
    done = run_m3it("ledger", "import", "out/answers.parquet", cwd=folder, env=other)
    assert done.stdout == (
        "0 answers added; the ledger had 5 already, and other answers to 0 requests, which it "
        "keeps\n"
    )
    words = ("ledger", "prune", "--prompt-version", "paraphrase-1")
    assert run_m3it(*words, cwd=folder).stdout == "3 answers; --delete removes them\n"
    with open_answers(folder / "m3it-ledger.sqlite") as answers:
        assert answers.count() == 5
    assert run_m3it(*words, "--delete", cwd=folder).stdout == "3 answers removed\n"
    done = run_m3it(*words, "--json", "--ledger", "other.sqlite", cwd=folder)
    assert json.loads(done.stdout) == {"answers": 3, "deleted": False}
    with open_answers(folder / "m3it-ledger.sqlite") as answers:
        assert answers.count() == 2


def test_wrong_usage(folder: Path) -> None:
    assert_one_line(run_m3it("ledger", "prune", cwd=folder), 2, "give --stage")
    assert_usage_error(run_m3it("ledger", "statistics", cwd=folder), "statistics")
    assert_usage_error(run_m3it("ledger", "stats", "--ledger", "", cwd=folder), "--ledger")
    assert_usage_error(run_m3it("ledger", "export", cwd=folder), "folder")


def test_failures_are_one_line(folder: Path) -> None:
    assert_one_line(run_m3it("ledger", "stats", "--ledger", "x", cwd=folder), 1, "x: there is no")
    for words in (("export", "out"), ("prune", "--stage", "paraphrase", "--delete")):
        done = run_m3it("ledger", *words, "--ledger", "x", cwd=folder)
        assert_one_line(done, 1, "x: there is no ledger")
    done = run_m3it("ledger", "import", "absent", "--ledger", "x", cwd=folder)
    assert_one_line(done, 1, "absent: the file does not exist")
    assert [file.name for file in folder.iterdir()] == ["m3it-ledger.sqlite"]


def test_terminal_codes_are_shown_as_escapes(tmp_path: Path) -> None:
    fill(tmp_path / "a.sqlite", [0], model="\x1b]0;title\x07[red]x")
    text = run_m3it("ledger", "stats", "--ledger", "a.sqlite", cwd=tmp_path).stdout
    assert "\x1b" not in text
    assert "[red]" in text
