"""Rule ``number_changed``: a sentence has the numbers of the answer and no others.

Numbers are compared by value: digits, English number words and Chinese numerals are equal. Chinese
numerals are rewritten in digits first. A sentence may repeat the numbers of the question.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from m3it_builder.paraphrase.han_numerals import in_digits
from m3it_builder.paraphrase.texts import Case, Text, has_han, text_of
from m3it_builder.paraphrase.wordlists import numbers, phrases

Kind = Literal["", "ordinal", "percent", "time", "text"]


class Number(NamedTuple):
    """A number in a text."""

    value: int | Fraction | str  # a string if its digits are not a value, as of 007
    kind: Kind = ""


_CARDINALS = numbers("number_words")
_SCALES = numbers("scales")
_ORDINALS = numbers("ordinals")
_DENOMINATORS = numbers("denominators")
_WEAK = numbers("weak_numbers")
_WEAK_HAN = tuple((word, value) for word, value in _WEAK.items() if not word.isascii())
_STRONG = frozenset((*_CARDINALS, *_SCALES, *_ORDINALS, "half"))
_SHIFTS = phrases("shifts")
_IDIOMS = phrases("not_numbers_en")
_ANY_IDIOM = re.compile(r"\b(?:" + "|".join(map(re.escape, _IDIOMS)) + r")\b")
_ONE_WRITTEN_AS = re.compile(r"\b(?:there(?:'s| is| was)|only|just|exactly|has|have) an? ")
_PART_OF = re.compile(r"([\w-]+) of (?:the |these |those |his |her |their |all )?([\w-]+)")
_HOW_MANY = re.compile(r"how many|how much|几(?!点|月|号|楼|路)|多少")
_TOKEN = re.compile(
    r"(?P<time>\d{1,2}:\d{2}(?!\d))"
    r"|(?P<part>\d{1,9}\s?[/⁄]\s?\d{1,9}(?![\d/]))"
    r"|(?P<digits>(?:(?<![\w-])-)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?)"
    r"(?P<suffix>(?:st|nd|rd|th)(?![a-z]))?"
    r"|(?P<word>[a-z]+(?:'[a-z]+)?)"
    r"|(?P<sign>[%‰])|(?P<break>[^\s-])"
)
_MERIDIEM = re.compile(r"(?<![a-z])(a|p)\.?m\b\.?")
_MAX_DIGITS = 30  # more are compared as text


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
    if asked and (_is_repeated(said, known, kept) or _is_swapped(case.said.plain, wanted, asked)):
        return True
    return bool(wanted) and _is_shifted(case)


def numbers_of(text: Text) -> list[Number]:
    """Return the numbers in a text, in order; articles and pronouns are none."""
    plain = in_digits(text.plain) if has_han(text.plain) else text.plain
    if not any(map(str.isdigit, plain)) and _STRONG.isdisjoint(_split(text.words)):
        return []
    if any(idiom in plain for idiom in _IDIOMS):
        plain = _ANY_IDIOM.sub(" ", plain)
    if "m" in plain:
        plain = _MERIDIEM.sub(r" \1m ", plain)
    tokens = [(match.lastgroup or "", match) for match in _TOKEN.finditer(plain)]
    found: list[Number] = []
    position = 0
    while position < len(tokens):
        number, position = _number_at(tokens, position)
        if number is not None:
            found.append(number)
    return found


_numbers_of_turn = lru_cache(64)(numbers_of)  # of texts that every reply is compared with


def is_number_word(word: str) -> bool:
    """Return True if a word is a number, or part of one; both, and none, replace numbers."""
    return word in _STRONG or word in _DENOMINATORS


def _split(found: tuple[str, ...]) -> set[str]:
    return {part for word in found for part in word.split("'")}


_Tokens = list[tuple[str, re.Match[str]]]


def _number_at(tokens: _Tokens, position: int) -> tuple[Number | None, int]:
    """Return the number that starts at a token, if any, and the position after it."""
    kind, match = tokens[position]
    if match["time"]:
        hours, minutes = match["time"].split(":")
        return Number(_simple(int(hours) + Fraction(int(minutes), 60)), "time"), position + 1
    if match["part"]:
        upper, lower = re.split(r"\s?[/⁄]\s?", match["part"])
        value = _simple(Fraction(int(upper), int(lower))) if int(lower) else match["part"]
        return Number(value), position + 1
    if match["digits"]:
        number = _of_digits(match["digits"], bool(match["suffix"]))
        return _with_unit(number, tokens, position + 1)
    if kind == "word":
        return _of_words(tokens, position)
    return None, position + 1


def _of_digits(digits: str, is_ordinal: bool) -> Number:
    whole = digits.lstrip("-")
    if len(digits) > _MAX_DIGITS or (len(whole) > 1 and whole[0] == "0" and whole[1] != "."):
        return Number(digits, "text")
    return Number(_simple(Fraction(digits.replace(",", ""))), "ordinal" if is_ordinal else "")


def _simple(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def _with_unit(number: Number, tokens: _Tokens, position: int) -> tuple[Number, int]:
    """Return a number with its scale, percent sign or time of day, and the position after it."""
    value = number.value
    if number.kind or isinstance(value, str):
        return number, position
    while (scale := _SCALES.get(_word(tokens, position))) is not None:
        value, position = value * scale, position + 1
    following = _word(tokens, position)
    if following in ("%", "percent") or (
        following == "per" and _word(tokens, position + 1) == "cent"
    ):
        return Number(value, "percent"), position + 1
    if following in ("am", "pm", "o'clock"):
        return Number(value, "time"), position + 1
    if following == "and" and _word(tokens, position + 1) == "a" and _is_half(tokens, position + 2):
        return Number(value + Fraction(1, 2)), position + 3
    return Number(value), position


def _is_half(tokens: _Tokens, position: int) -> bool:
    return _word(tokens, position) == "half"


def _word(tokens: _Tokens, position: int) -> str:
    return tokens[position][1][0] if position < len(tokens) else ""


def _of_words(tokens: _Tokens, position: int) -> tuple[Number | None, int]:
    word = _word(tokens, position)
    if word == "half":
        return _half(tokens, position)
    if word in ("a", "an"):
        return _after_article(tokens, position)
    if word in _ORDINALS:
        return Number(_ORDINALS[word], "ordinal"), position + 1
    if word in _SCALES:  # a bare "hundred" or "dozen"
        return _with_unit(Number(1), tokens, position)
    if word not in _CARDINALS:
        return None, position + 1
    value, position, is_ordinal = _cardinal(tokens, position)
    if is_ordinal:
        return Number(value, "ordinal"), position
    below = _DENOMINATORS.get(_word(tokens, position))
    if below and (value == 1 or _word(tokens, position).endswith("s")):
        return Number(_simple(Fraction(value, below))), position + 1
    return _with_unit(Number(value), tokens, position)


def _half(tokens: _Tokens, position: int) -> tuple[Number, int]:
    if _word(tokens, position + 1) == "past" and position + 2 < len(tokens):
        number, after = _number_at(tokens, position + 2)
        if number is not None and not isinstance(number.value, str):
            return Number(number.value + Fraction(1, 2), "time"), after
    return Number(Fraction(1, 2)), position + 1


def _after_article(tokens: _Tokens, position: int) -> tuple[Number | None, int]:
    """Return the number of "a hundred", "a third of" or "a quarter"."""
    word = _word(tokens, position + 1)
    if word in _SCALES:
        return _with_unit(Number(1), tokens, position + 1)
    if word == "quarter" or (word in _DENOMINATORS and _word(tokens, position + 2) == "of"):
        return Number(Fraction(1, _DENOMINATORS[word])), position + 2
    return None, position + 1


def _cardinal(tokens: _Tokens, position: int) -> tuple[int, int, bool]:
    """Return the value of consecutive number words, the position after them, and if ordinal."""
    total, current = 0, _CARDINALS[_word(tokens, position)]
    position += 1
    while True:
        word = _word(tokens, position)
        if word == "and" and current % 100 == 0 and _word(tokens, position + 1) in _CARDINALS:
            if not current and not total:
                return total + current, position, False
            position += 1
            continue
        value = _CARDINALS.get(word, _ORDINALS.get(word, 0))
        if word in _SCALES and word != "dozen":
            total, current = _scaled(total, current, _SCALES[word])
        elif value and _fits(current, value, bool(total)):
            current += value
        elif 13 <= current <= 20 and value >= 10 and word in _CARDINALS:
            current = current * 100 + value  # nineteen ninety
        else:
            return total + current, position, False
        position += 1
        if word in _ORDINALS:
            return total + current, position, True


def _scaled(total: int, current: int, scale: int) -> tuple[int, int]:
    return (total, current * scale) if scale == 100 else (total + current * scale, 0)


def _fits(current: int, value: int, has_thousands: bool) -> bool:
    """Return True if a number word continues the number before it, as in "twenty one"."""
    rest = current % 100
    if rest == 0:
        return value < 100 and (current > 0 or has_thousands)
    return rest >= 20 and rest % 10 == 0 and value < 10


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
    if "percent" in kinds:
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
    wanted = set(_MERIDIEM.findall(case.answer.plain))
    said = set(_MERIDIEM.findall(case.said.plain))
    return bool(wanted and said) and wanted != said
