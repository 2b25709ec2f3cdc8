"""Claims, answers, spend and reading, in one process."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.ledger import store
from m3it_builder.ledger.answers import open_answers
from m3it_builder.ledger.batches import attempts_of, open_batches, store_server_id
from m3it_builder.ledger.store import Ledger
from m3it_builder.ledger.summary import summarize
from tests.support.ledgers import STAGE, fill, key, new_answer, new_attempt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def states(path: Path) -> dict[str, int]:
    (summary,) = summarize(path)
    return {state: count for state, count in summary.attempts.items() if count}


def claim_one(ledger: Ledger, number: int) -> int:
    (claim,) = ledger.claim([new_attempt(number)])
    assert claim.attempt is not None
    return claim.attempt


def test_an_answer_is_read_as_it_was_stored(path: Path) -> None:
    refused = new_answer(
        1, text="", refusal="I cannot.", input_tokens=None, output_tokens=None, finish_reason=""
    )
    with Ledger(path) as ledger:
        ledger.answer(claim_one(ledger, 0), new_answer(0), 0.125)
        ledger.answer(claim_one(ledger, 1), refused, None)
    with open_answers(path) as answers:
        found = dict(answers.get_many([key(0), key(1), key(2)]))
    assert found == {key(0): new_answer(0), key(1): refused, key(2): None}


def test_an_attempt_is_on_the_disk_before_it_is_sent(path: Path) -> None:
    with Ledger(path) as ledger:
        claim_one(ledger, 0)
        with sqlite3.connect(path) as other:
            assert other.execute("SELECT state FROM attempts").fetchall() == [("sent",)]
        other.close()
        assert states(path) == {"sent": 1}


def test_each_request_is_claimed_once(path: Path) -> None:
    fill(path, [0])
    with Ledger(path) as ledger, Ledger(path) as other:
        claims = ledger.claim([new_attempt(number) for number in (0, 1, 1)])
        assert [claim.state for claim in claims] == ["answered", "claimed", "in_flight"]
        assert [claim.state for claim in other.claim([new_attempt(1)])] == ["in_flight"]


def test_what_failed_can_be_claimed_again(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.fail(claim_one(ledger, 0), "rate_limited", 0.0)
        ledger.answer(claim_one(ledger, 0), new_answer(0), 0.125)
    assert states(path) == {"failed": 1, "answered": 1}


def test_the_first_answer_is_kept(path: Path) -> None:
    fill(path, [0])
    with Ledger(path) as ledger:
        mark = ledger.answers.mark()
        ledger.answer(1, new_answer(0, text="Another answer."), 0.125)
        ledger.flush()
        assert ledger.answers.mark() == mark
        assert dict(ledger.answers.get_many([key(0)])) == {key(0): new_answer(0)}
        assert ledger.answers.count() == 1


def test_answers_are_committed_in_groups(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(path) as ledger:
        claims = ledger.claim([new_attempt(number) for number in range(store.GROUP_ROWS + 1)])
        for number, claim in enumerate(claims[:-2]):
            ledger.answer(claim.attempt or 0, new_answer(number), 0.125)
        assert ledger.answers.count() == 0
        ledger.flush_if_due()
        assert ledger.answers.count() == 0, "a second has not passed"
        ledger.answer(claims[-2].attempt or 0, new_answer(store.GROUP_ROWS - 1), 0.125)
        assert ledger.answers.count() == store.GROUP_ROWS
        ledger.answer(claims[-1].attempt or 0, new_answer(store.GROUP_ROWS), 0.125)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + store.GROUP_SECONDS)
        ledger.flush_if_due()
        assert ledger.answers.count() == store.GROUP_ROWS + 1


def test_a_claim_commits_what_is_buffered(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.answer(claim_one(ledger, 0), new_answer(0), 0.125)
        claim_one(ledger, 1)
        assert ledger.answers.count() == 1


def test_buffered_answers_survive_an_exception(path: Path) -> None:
    with pytest.raises(KeyError):
        with Ledger(path) as ledger:
            ledger.answer(claim_one(ledger, 0), new_answer(0), 0.125)
            raise KeyError
    with open_answers(path) as answers:
        assert answers.count() == 1


def test_spend_counts_what_may_have_been_spent(path: Path) -> None:
    with Ledger(path) as ledger:
        ledger.answer(claim_one(ledger, 0), new_answer(0), 0.125)
        ledger.answer(claim_one(ledger, 1), new_answer(1), None)  # unknown: counts as 0.25
        ledger.fail(claim_one(ledger, 2), "cut_json", 0.5)
        claim_one(ledger, 3)
        ledger.claim([new_attempt(4, stage="translate")])
        spend = ledger.spend(STAGE)
        assert (spend.cost_usd, spend.reserved_usd, spend.upper_usd) == (0.875, 0.25, 1.125)
        assert ledger.spend("translate").upper_usd == 0.25
        assert ledger.spend("other").upper_usd == 0


def test_mark_and_number_change_with_the_answers(path: Path) -> None:
    seen = []
    for numbers in ([], [0], [0], [1, 2]):
        fill(path, numbers)
        with open_answers(path) as answers:
            seen.append((answers.latest(), answers.mark()))
    assert [number for number, _ in seen] == [0, 1, 1, 3]
    assert len({mark for _, mark in seen}) == 3
    assert seen[1] == seen[2]


def test_many_keys_in_order_and_with_repetitions(path: Path) -> None:
    fill(path, range(3))
    numbers = [2, 700, 0, 2, *range(10, 1500), 1]
    with open_answers(path) as answers:
        found = list(answers.get_many(map(key, numbers)))
        assert [name for name, _ in found] == [key(number) for number in numbers]
        assert [answer and answer.text for _, answer in found if answer] == [
            f"The answer is {number}." for number in (2, 0, 2, 1)
        ]
        assert list(answers.get_many([])) == []
        assert [answer.key for answer in answers.in_order()] == sorted(map(key, range(3)))


def test_readers_write_nothing(path: Path) -> None:
    fill(path, [0])
    before = path.read_bytes()
    with open_answers(path) as answers:
        list(answers.get_many([key(0)]))
        with pytest.raises(sqlite3.OperationalError):
            answers._connection.execute("DELETE FROM answers")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_batch_can_be_collected_by_a_later_process(path: Path) -> None:
    batched = [new_attempt(number, mode="batch", batch="ours-1") for number in range(3)]
    with Ledger(path) as ledger:
        ledger.claim(batched)
    with Ledger(path) as ledger:
        (batch,) = open_batches(ledger)
        assert (batch.batch, batch.request_id, batch.requests) == ("ours-1", None, 3)
        store_server_id(ledger, "ours-1", "batch_abc")
        assert open_batches(ledger)[0].request_id == "batch_abc"
        assert [claim.state for claim in ledger.claim([new_attempt(1)])] == ["in_flight"]
        numbers = attempts_of(ledger, "ours-1")
        ledger.answer(numbers[key(0)], new_answer(0), 0.125)
        ledger.fail(numbers[key(1)], "expired", 0.0)
        assert list(attempts_of(ledger, "ours-1")) == [key(2)]
        assert [claim.state for claim in ledger.claim([new_attempt(1)])] == ["claimed"]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text(st.characters()), st.none() | st.text())
def test_any_text_can_be_stored(
    tmp_path_factory: pytest.TempPathFactory, text: str, reason: str, refusal: str | None
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "answers.sqlite"
    answer = new_answer(0, text=f"{text}\ud800\x00", finish_reason=reason, refusal=refusal)
    with Ledger(path) as ledger:
        ledger.answer(claim_one(ledger, 0), answer, 0.0)
        ledger.flush()
        ((_, found),) = ledger.answers.get_many([key(0)])
    assert found is not None
    assert found.text.endswith("\ufffd\x00")
    assert len(found.text) == len(text) + 2
    assert (found.refusal is None) == (refusal is None)


@pytest.mark.parametrize("cost", [-0.1, float("nan"), float("inf")])
def test_amounts_are_checked(path: Path, cost: float) -> None:
    with Ledger(path) as ledger:
        number = claim_one(ledger, 0)
        with pytest.raises(ValueError, match="amount"):
            ledger.answer(number, new_answer(0), cost)
        with pytest.raises(ValueError, match="amount"):
            ledger.fail(number, "timeout", cost)
        with pytest.raises(ValueError, match="amount"):
            ledger.claim([new_attempt(1, reserved_usd=cost)])


def test_values_are_checked(path: Path) -> None:
    """A malformed value is refused when it is given, not when its group is committed."""
    with Ledger(path) as ledger:
        number = claim_one(ledger, 0)
        for answer in (new_answer(0, key="a"), new_answer(0, output_tokens=-1)):
            with pytest.raises(ValueError):
                ledger.answer(number, answer, 0.0)
        with pytest.raises(ValueError, match="tokens"):
            ledger.answer(number, new_answer(0, input_tokens=2**63), 0.0)
        with pytest.raises(ValueError, match="slug"):
            ledger.fail(number, "Incorrect API key provided: sk-123", 0.0)
        with pytest.raises(ValueError, match="batch"):
            ledger.claim([new_attempt(1, batch="ours-1")])
        with pytest.raises(ValueError, match="batch"):
            store_server_id(ledger, "ours-1", "http://10.0.0.1/batch")
    assert states(path) == {"unknown": 1}


def test_request_ids_are_ids(path: Path) -> None:
    """Servers choose them: what could be an address or a key in disguise is not stored."""
    with Ledger(path) as ledger:
        ledger.answer(claim_one(ledger, 0), new_answer(0), 0.0, "req_1-a.b:c")
        ledger.answer(claim_one(ledger, 1), new_answer(1), 0.0, "http://10.0.0.1/?a=b")
        ledger.flush()
        with ledger.commit() as connection:
            rows = connection.execute("SELECT request_id FROM attempts ORDER BY id").fetchall()
    assert rows == [("req_1-a.b:c",), (None,)]


def test_a_symbolic_link_is_the_ledger_itself(path: Path) -> None:
    link = path.parent / "folder" / "link.sqlite"
    link.parent.mkdir()
    link.symlink_to(path)
    fill(path, [0])
    with Ledger(link) as ledger, Ledger(path) as other:
        ledger.claim([new_attempt(1)])
        assert [claim.state for claim in other.claim([new_attempt(1)])] == ["in_flight"]
    assert [file.name for file in link.parent.iterdir()] == ["link.sqlite"]
