"""Precision and recall of the acceptance rules on pairs written by hand."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from m3it_builder.paraphrase import acceptance
from m3it_builder.paraphrase.acceptance import REASONS, Reply, judge
from tests.paraphrase.planted import Pair, bad, good

GOOD, BAD = good(), bad()
NEVER_ACCEPTED = {"number_changed", "polarity_flipped"}


def verdict(pair: Pair) -> str | None:
    return judge(pair.turn, Reply(pair.said), pair.lang, pair.answer_form)


def shares(pairs: Iterable[Pair]) -> Counter[str]:
    return Counter(pair.lang for pair in pairs)


def test_there_are_enough_pairs() -> None:
    assert min(len(GOOD), len(BAD)) >= 220
    assert min(shares(GOOD)["zh"], shares(BAD)["zh"]) >= 45
    assert len({(p.turn, p.said, p.answer_form) for p in BAD + GOOD}) == len(BAD + GOOD)
    assert {reason for pair in BAD for reason in pair.reasons} == set(REASONS)


def test_no_changed_number_and_no_flipped_polarity_is_accepted() -> None:
    critical = [pair for pair in BAD if NEVER_ACCEPTED & {*pair.reasons}]
    assert len(critical) >= 120
    assert [pair for pair in critical if verdict(pair) is None] == []


def test_recall_and_precision_by_reason(capsys: pytest.CaptureFixture[str]) -> None:
    planted, found, named = Counter[str](), Counter[str](), Counter[str]()
    for pair in BAD:
        reason = verdict(pair)
        planted[pair.reasons[0]] += 1
        found[pair.reasons[0]] += reason is not None
        named[pair.reasons[0]] += reason in pair.reasons
    wrongly = Counter(filter(None, map(verdict, GOOD)))
    recall, precision = found.total() / len(BAD), 1 - wrongly.total() / len(GOOD)
    lines = [f"\n{'reason':18} planted  rejected  by that reason  good rejected"]
    for reason in REASONS:
        counts = (planted[reason], found[reason], named[reason], wrongly[reason])
        lines.append(f"{reason:18} {counts[0]:7} {counts[1]:9} {counts[2]:15} {counts[3]:14}")
    lines.append(f"recall of bad {recall:.3f}, share of good accepted {precision:.3f}\n")
    with capsys.disabled():
        sys.stdout.write("\n".join(lines))
    assert recall >= 0.95
    assert precision >= 0.95
    assert named.total() / len(BAD) >= 0.95


@pytest.mark.parametrize("reason", REASONS)
def test_every_rule_has_a_pair_that_is_accepted_without_it(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(acceptance.RULES, reason)
    judged = [pair for pair in BAD if reason in pair.reasons]
    if reason == "empty":  # without it, the sentence would be rejected as cut off
        assert {verdict(pair) for pair in judged} == {"cut_off", "answer_missing"}
    else:
        assert any(verdict(pair) is None for pair in judged)
