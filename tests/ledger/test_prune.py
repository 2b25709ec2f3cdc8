"""Removing answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.errors import UsageError
from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.prune import Selection, count_selected, prune
from m3it_builder.ledger.store import Ledger
from m3it_builder.ledger.summary import summarize
from tests.support.ledgers import PROMPT, STAGE, fill, key, new_attempt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "answers.sqlite"
    fill(path, range(3))
    fill(path, range(3, 5), prompt_version="paraphrase-2")
    fill(path, range(5, 6), stage="translate")
    fill(path, range(6, 7), model="other")
    return path


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(stage=STAGE), [5]),
        (Selection(prompt_version=PROMPT), [3, 4]),
        (Selection(prompt_version=PROMPT, stage=STAGE), [3, 4, 5]),
        (Selection(prompt_version=PROMPT, stage=STAGE, model="other"), [0, 1, 2, 3, 4, 5]),
        (Selection(model="absent"), [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_what_is_selected_is_removed(path: Path, selection: Selection, expected: list[int]) -> None:
    assert count_selected(path, selection) == 7 - len(expected)
    with Ledger(path) as ledger:
        mark, number = ledger.answers.mark(), ledger.answers.latest()
        assert prune(ledger, selection) == 7 - len(expected)
        assert (ledger.answers.mark() == mark) == (len(expected) == 7)
        assert ledger.answers.latest() == number, "numbers are not used again"
    with open_answers(path) as answers:
        kept = [pair[0] for pair in answers.get_many(map(key, range(7))) if pair[1]]
    assert kept == [key(number) for number in expected]
    assert sum(item.attempts["answered"] for item in summarize(path)) == 7, "the log is kept"


def test_removed_answers_are_asked_for_again(path: Path) -> None:
    with Ledger(path) as ledger:
        number = ledger.answers.latest()
        prune(ledger, Selection(stage="translate"))
        claims = ledger.claim([new_attempt(4), new_attempt(5)])
        assert [claim.state for claim in claims] == ["answered", "claimed"]
    fill(path, [100])
    with open_answers(path) as answers:
        assert answers.latest() == number + 1


def test_the_file_becomes_smaller(path: Path) -> None:
    fill(path, range(100, 200), stage="long", text="x" * 5_000)
    before = path.stat().st_size
    with Ledger(path) as ledger:
        prune(ledger, Selection(stage="long"))
    assert path.stat().st_size < before - 400_000


def test_an_empty_selection_is_wrong_usage(path: Path) -> None:
    with pytest.raises(UsageError, match="give --stage, --prompt-version or --model"):
        count_selected(path, Selection())
    with Ledger(path) as ledger, pytest.raises(UsageError):
        prune(ledger, Selection())
