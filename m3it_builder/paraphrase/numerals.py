"""Numbers in a text, by value: digits and English number words; Chinese numerals as digits."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal, NamedTuple

from m3it_builder.paraphrase.han_numerals import in_digits
from m3it_builder.paraphrase.texts import Text, has_han
from m3it_builder.paraphrase.wordlists import numbers, phrases

Kind = Literal["", "ordinal", "percent", "decade", "time", "text"]


class Number(NamedTuple):
    """A number in a text."""

    value: int | Fraction | str  # a string if its digits are not a value, as of 007
    kind: Kind = ""


_CARDINALS = numbers("number_words")
_SCALES = numbers("scales")
_ORDINALS = numbers("ordinals")
_DENOMINATORS = numbers("denominators")
_STRONG = frozenset((*_CARDINALS, *_SCALES, *_ORDINALS, "half", "quarter", "quarters"))
_IDIOMS = phrases("not_numbers_en")
_ANY_IDIOM = re.compile(r"\b(?:" + "|".join(map(re.escape, _IDIOMS)) + r")\b")
_TOKEN = re.compile(
    r"(?P<time>\d{1,2}:\d{2}(?!\d))"
    r"|(?P<part>\d{1,9}\s?[/⁄]\s?\d{1,9}(?![\d/]))"
    r"|(?P<digits>(?:(?<![\w-])-)?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?)"
    r"(?P<suffix>(?:st|nd|rd|th|'?s)(?![a-z]))?"
    r"|(?P<word>[a-z]+(?:'[a-z]+)?)"
    r"|(?P<sign>[%‰])|(?P<break>[^\s-])"
)
MERIDIEM = re.compile(r"(?<![a-z])(a|p)\.?m\b\.?")
_MAX_DIGITS = 30  # more are compared as text


def numbers_of(text: Text) -> list[Number]:
    """Return the numbers in a text, in order; articles and pronouns are none."""
    plain = in_digits(text.plain) if has_han(text.plain) else text.plain
    if not any(map(str.isdigit, plain)) and _STRONG.isdisjoint(_split(text.words)):
        return []
    if any(idiom in plain for idiom in _IDIOMS):
        plain = _ANY_IDIOM.sub(" ", plain)
    if "m" in plain:
        plain = MERIDIEM.sub(r" \1m ", plain)
    tokens = [(match.lastgroup or "", match) for match in _TOKEN.finditer(plain)]
    found: list[Number] = []
    position = 0
    while position < len(tokens):
        number, position = _number_at(tokens, position)
        if number is not None:
            found.append(number)
    return found


def is_number(word: str) -> bool:
    """Return True if a word is a number, or part of one, in digits or letters."""
    return word[0].isdigit() or word in _STRONG or word in _DENOMINATORS


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
        number = _of_digits(match["digits"], match["suffix"] or "")
        return _with_unit(number, tokens, position + 1)
    if kind == "word":
        return _of_words(tokens, position)
    return None, position + 1


def _of_digits(digits: str, suffix: str) -> Number:
    whole = digits.lstrip("-")
    if len(digits) > _MAX_DIGITS or (len(whole) > 1 and whole[0] == "0" and whole[1] != "."):
        return Number(digits, "text")
    return Number(_simple(Fraction(digits.replace(",", ""))), _kind(suffix, whole))


def _kind(suffix: str, digits: str) -> Kind:
    if suffix.endswith("s"):
        return "decade" if len(digits) > 1 and digits.endswith("0") else ""
    return "ordinal" if suffix.endswith(("st", "nd", "rd", "th")) else ""


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
