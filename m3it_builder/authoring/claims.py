"""What instructions say about a row: it must be true of every row they can be used for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from m3it_builder.authoring.pool_checks import TODO
from m3it_builder.cards.cards import CardFacts
from m3it_builder.cards.instructions import Instruction, Need
from m3it_builder.cards.strict_yaml import Strict, read_card

_REMEDY = "'rows_have' of the card, if every row has it, or 'needs'"
MIN_FITTING = 5  # instructions that fit every row, so that none has too few to choose from


class Pair(Strict):
    """A pair of answers, and the words that offer it."""

    pattern: str
    answers: tuple[str, str]


class Claims(Strict):
    """Words of instructions, as regular expressions, and what they claim; see ``claims.yaml``."""

    words: dict[Need, str]
    letter: str
    option_text: str
    replies: str
    pairs: tuple[Pair, ...]


@cache
def _claims() -> Claims:
    return read_card(Path(__file__).with_name("claims.yaml"), Claims)


def check_claims(pool: Sequence[Instruction], card: CardFacts) -> Iterator[str]:
    """Yield instructions that are not true of every row they can be used for.

    Args:
        pool: instructions of a task or variant; those with a TODO are left out.
        card: its facts.
    """
    always = features_of_all_rows(card)
    entries = [(n, one) for n, one in enumerate(pool, 1) if TODO not in one.text]
    for number, one in entries:
        for word, needed in _untrue(one, always, card.closed_answers):
            is_form = needed in ("letter", "option_text")  # of the answer, which users choose
            place = "'needs'" if is_form else _REMEDY
            yield (
                f"instruction {number} says {word!r}, but a row may have no {needed}; list it "
                f"under {place}: {one.text!r}"
            )
        yield from _wrong_pairs(number, one, card)
    fitting = sum(one.needs <= always for _, one in entries)
    if entries and fitting < MIN_FITTING:
        yield f"only {fitting} instructions fit every row, {MIN_FITTING} are needed"


def features_of_all_rows(card: CardFacts) -> frozenset[Need]:
    """Return what every row has, whatever the options of the task."""
    features: set[Need] = set(card.rows_have)
    if card.images.min >= 1:
        features.add("image")
    if card.images.min > 1:
        features.add("several_images")
    return frozenset(features)


def _untrue(
    one: Instruction, always: frozenset[Need], answers: Sequence[str]
) -> Iterator[tuple[str, Need]]:
    has = always | one.needs
    for needed, pattern in _claims().words.items():
        if needed not in has and (match := _search(pattern, one)):
            yield match[0], needed
    is_about_options = "options" in has and "letter" not in has
    if is_about_options and (match := _search(_claims().letter, one)):
        yield match[0], "letter"
    if "options" in has and "option_text" not in has:
        patterns = [_claims().option_text]
        if answers:
            alternatives = "|".join(map(re.escape, answers))
            patterns.append(_claims().replies.replace("ANSWERS", f"({alternatives})"))
        if match := _search("|".join(patterns), one):
            yield match[0], "option_text"


def _search(pattern: str, one: Instruction) -> re.Match[str] | None:
    return re.search(pattern, one.text, re.IGNORECASE)


def _wrong_pairs(number: int, one: Instruction, card: CardFacts) -> Iterator[str]:
    answers = {answer.casefold() for answer in card.closed_answers}
    for pair in _claims().pairs:
        if (match := _search(pair.pattern, one)) and answers != set(pair.answers):
            yield (
                f"instruction {number} says {match[0]!r}, but the 'closed_answers' of the card are "
                f"{', '.join(card.closed_answers) or 'not given'}: {one.text!r}"
            )
