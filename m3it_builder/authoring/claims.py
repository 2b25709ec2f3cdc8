"""What instructions say about a row: it must be true of every row they can be used for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from m3it_builder.authoring.pool_checks import TODO
from m3it_builder.cards.cards import CardFacts
from m3it_builder.cards.instructions import Instruction, Need

MIN_FITTING = 5  # instructions that fit every row, so that none has too few to choose from

# Words of the languages of the built-in pools, and what a row must have for them to be true.
_WORDS: tuple[tuple[re.Pattern[str], Need], ...] = (
    (re.compile(r"\b(box(es|ed)?|rectangles?)\b|框", re.I), "box"),
    (
        re.compile(r"\b(options?|choices|alternatives|candidates?)\b|选项|备选|候选", re.I),
        "options",
    ),
    (re.compile(r"\bhints?\b|提示", re.I), "context"),
    (re.compile(r"\b(dialog(ue)?s?|conversations?)\b|对话", re.I), "dialog"),
    (
        re.compile(r"\b(images|pictures|photos|photographs|frames)\b|[几多]张|这组图|这些图", re.I),
        "several_images",
    ),
    (
        re.compile(r"\b(images?|pictures?|photos?|photographs?)\b|图片|图中|图像|照片", re.I),
        "image",
    ),
    (re.compile(r"\bquestions?\b|问题", re.I), "question"),
)
_LETTER = re.compile(r"\bletters?\b|字母", re.I)
# Pairs of answers that an instruction may offer, if there are no others.
_PAIRS = (
    (re.compile(r"\byes\b.{0,12}\bno\b|是或否|是还是否", re.I), {"yes", "no"}),
    (re.compile(r"\btrue\b.{0,12}\bfalse\b", re.I), {"true", "false"}),
)


def check_claims(pool: Sequence[Instruction], card: CardFacts) -> Iterator[str]:
    """Yield instructions that are not true of every row they can be used for.

    Args:
        pool: instructions of a task or variant; those with a TODO are left out.
        card: its facts.
    """
    always = features_of_all_rows(card)
    entries = [(n, one) for n, one in enumerate(pool, 1) if TODO not in one.text]
    for number, one in entries:
        for word, needed in _untrue(one, always):
            yield (
                f"instruction {number} says {word!r}, but a row may have no {needed}; list it "
                f"under 'rows_have' of the card, if every row has it, or 'needs': {one.text!r}"
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


def _untrue(one: Instruction, always: frozenset[Need]) -> Iterator[tuple[str, Need]]:
    has = always | one.needs
    for pattern, needed in _WORDS:
        if needed not in has and (match := pattern.search(one.text)):
            yield match[0], needed
    # Where there are no options, letters are those of a text to be read.
    if "options" in has and "letter" not in has and (match := _LETTER.search(one.text)):
        yield match[0], "letter"


def _wrong_pairs(number: int, one: Instruction, card: CardFacts) -> Iterator[str]:
    answers = {answer.casefold() for answer in card.closed_answers}
    for pattern, pair in _PAIRS:
        if (match := pattern.search(one.text)) and answers != pair:
            yield (
                f"instruction {number} says {match[0]!r}, but the 'closed_answers' of the card are "
                f"{', '.join(card.closed_answers) or 'not given'}: {one.text!r}"
            )
