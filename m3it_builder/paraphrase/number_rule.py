"""Rule ``number_changed``: a sentence has the numbers of the answer and no others.

Numbers are compared by value: digits, English number words and Chinese numerals are equal. A
sentence may repeat the numbers of the question.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

from m3it_builder.paraphrase.numerals import MERIDIEM, Number, numbers_of
from m3it_builder.paraphrase.texts import Case, Text, text_of
from m3it_builder.paraphrase.wordlists import numbers, phrases

_WEAK = numbers("weak_numbers")
_WEAK_HAN = tuple((word, value) for word, value in _WEAK.items() if not word.isascii())
_SHIFTS = phrases("shifts")
_ONE_WRITTEN_AS = re.compile(r"\b(?:there(?:'s| is| was)|only|just|exactly|has|have) an? ")
_PART_OF = re.compile(r"([\w-]+) of (?:the |these |those |his |her |their |all )?([\w-]+)")
_PAIR = re.compile(r"\d\s*(?:-|–|:|to)\s*\d")  # a score or a range has an order
_HOW_MANY = re.compile(r"how many|how much|(?<!第)几(?!点|月|号|楼|路)|多少")

_numbers_of_turn = lru_cache(64)(numbers_of)  # of texts that every reply is compared with


def changes_number(case: Case) -> bool:
    """Return True if a number of the answer is missing, or one of unknown origin is present."""
    said = numbers_of(case.said)
    wanted = _numbers_of_turn(case.answer)
    if not said and not wanted:
        return False
    asked = _numbers_of_turn(case.question)
    counts = _HOW_MANY.search(case.question.plain) is not None
    if not case.letter_suffices and not all(_has(case.said, said, one, counts) for one in wanted):
        return True
    known = [*wanted, *asked]
    kept = all(any(_same(one, other, counts) for other in said) for one in asked)
    if any(_is_foreign(one, known, kept) for one in said):
        return True
    if _PAIR.search(case.answer.plain) and [one for one in said if one in wanted] != wanted:
        return True
    if asked and (_is_repeated(said, known, kept) or _is_swapped(case.said.plain, wanted, asked)):
        return True
    return bool(wanted) and _is_shifted(case)


def _has(text: Text, said: list[Number], wanted: Number, counts: bool) -> bool:
    """Return True if a sentence has a number, or a word such as "both" for it."""
    if any(_same(wanted, other, counts) for other in said):
        return True
    if wanted.kind:
        return False
    if any(_WEAK.get(word) == wanted.value for word in text.words):
        return True
    if any(value == wanted.value and word in text.plain for word, value in _WEAK_HAN):
        return True
    return wanted.value == 1 and _ONE_WRITTEN_AS.search(text.plain) is not None


def _same(one: Number, other: Number, counts: bool) -> bool:
    """Return True if two numbers are equal; in counts, "third" is not 3."""
    if one.value != other.value:
        return False
    kinds = {one.kind, other.kind}
    if "percent" in kinds or "decade" in kinds:
        return len(kinds) == 1
    return not (counts and len(kinds) == 2 and "ordinal" in kinds)


def _is_foreign(one: Number, known: list[Number], kept: bool) -> bool:
    """Return True if a number is neither in the answer nor in the question.

    "One" is often an article or a pronoun: it is allowed unless it may replace a number.
    """
    if any(_same(one, other, False) for other in known):
        return False
    return not (one.value == 1 and one.kind in ("", "ordinal") and kept)


def _is_repeated(said: list[Number], known: list[Number], kept: bool) -> bool:
    """Return True if a number occurs more often than in the turn, perhaps in place of another."""
    counts = Counter(number.value for number in said)
    expected = Counter(number.value for number in known)
    return any(count > expected[value] for value, count in counts.items() if value != 1 or not kept)


def _is_swapped(said: str, wanted: list[Number], asked: list[Number]) -> bool:
    """Return True if a sentence has "5 of the 4" for "4 of the 5"."""
    for part, whole in _PART_OF.findall(said):
        parts, wholes = numbers_of(text_of(part)), numbers_of(text_of(whole))
        if parts and wholes and parts[0] not in wanted and wholes[0] not in asked:
            return True
    return False


def _is_shifted(case: Case) -> bool:
    """Return True if a number has become a limit, as in "more than 3"."""
    plain = case.said.plain
    for phrase in _SHIFTS:
        if phrase in plain and phrase not in case.answer.plain + case.question.plain:
            following = plain[plain.index(phrase) + len(phrase) :].split(maxsplit=1)
            if following and numbers_of(Text(following[0], tuple(following), "")):
                return True
    return _other_half_of_day(case)


def _other_half_of_day(case: Case) -> bool:
    if "m" not in case.answer.plain:
        return False
    wanted = set(MERIDIEM.findall(case.answer.plain))
    said = set(MERIDIEM.findall(case.said.plain))
    return bool(wanted and said) and wanted != said
