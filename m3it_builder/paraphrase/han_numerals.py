"""Chinese numerals, rewritten in digits."""

from __future__ import annotations

import re

from m3it_builder.paraphrase.wordlists import words

_DIGITS = {
    **{char: value for value, char in enumerate("零一二三四五六七八九")},
    **{"〇": 0, "两": 2, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6, "柒": 7},
    **{"捌": 8, "玖": 9},
}
_SCALES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_LARGE = {"万": 10_000, "萬": 10_000, "亿": 100_000_000}
_MAX_LENGTH = 30
_HAN = "[" + "".join((*_DIGITS, *_SCALES, *_LARGE)) + "]"
_ANY = rf"(?:\d+(?:\.\d+)?[万亿千百]?|{_HAN}+)"
_IDIOMS = re.compile("|".join(sorted(words("not_numbers_zh"), key=len, reverse=True)))
_PERCENT = re.compile(rf"百分之({_ANY})")
_PART = re.compile(rf"({_ANY})分之({_ANY})")
_CLOCK = re.compile(rf"({_ANY})点(?:钟|整)?(?:(半)|({_ANY})分?)?(?!\d)")
_ORDINAL = re.compile(rf"第({_ANY})")
_HALF_MORE = re.compile(rf"({_HAN}+|\d+)([个只点米年])半")
_NUMERAL = re.compile(rf"\d+(?:\.\d+)?[万亿千百]+|{_HAN}+")
_NUMERAL_PART = re.compile(rf"{_HAN}|\d|半")
_SOME = re.compile(r"几([十百千万亿]+)")  # a leading zero: not the number itself
_HALF = re.compile(r"一半|半(?=[个杯块条张只片瓶碗])")


def in_digits(text: str) -> str:
    """Return a text with Chinese numerals in digits: 三点半 as 3:30, 百分之五 as 5%."""
    text = _IDIOMS.sub(" ", text)
    if not _NUMERAL_PART.search(text):
        return text
    text = _SOME.sub(lambda match: f" 00{_value(match[1])} ", text)
    text = _CLOCK.sub(_clock, text)
    text = _PERCENT.sub(lambda match: f" {_value(match[1])}% ", text)
    text = _PART.sub(lambda match: f" {_value(match[2])}/{_value(match[1])} ", text)
    text = _ORDINAL.sub(lambda match: f" {_value(match[1])}th ", text)
    text = _HALF_MORE.sub(lambda match: f" {_value(match[1])}.5 {match[2]}", text)
    text = _HALF.sub(" 1/2 ", text)
    return _NUMERAL.sub(lambda match: f" {_value(match[0])} ", text)


def _clock(match: re.Match[str]) -> str:
    """Return a time of day in digits; 一点 alone means "a little" too, and stays a number."""
    hours, half, minutes = _value(match[1]), match[2], match[3]
    if not hours.isdigit() or len(hours) > 2:
        return match[0]
    if half:
        return f" {hours}:30 "
    if minutes is None:
        return f" {hours}:00 " if match[0][-1] in "钟整" or hours != "1" else f" {hours} "
    value = _value(minutes)
    return f" {hours}:{value:0>2} " if value.isdigit() and len(value) < 3 else match[0]


def _value(numeral: str) -> str:
    """Return the value of a numeral, or digits with 万 or 亿, as digits."""
    if len(numeral) > _MAX_LENGTH:  # not a number; a leading zero makes it a text
        return "0" + "".join(str(_DIGITS.get(char, char)) for char in numeral)
    digits = re.match(r"[\d.]+", numeral)
    if digits:
        return _scaled(digits[0], numeral[digits.end() :])
    if not any(char in _SCALES or char in _LARGE for char in numeral):
        return "".join(str(_DIGITS[char]) for char in numeral)  # 一九九八, 二零
    total = section = current = 0
    for char in numeral:
        if char in _DIGITS:
            current = _DIGITS[char]
        elif char in _SCALES:
            section += (current or 1) * _SCALES[char]
            current = 0
        else:
            total = (total + section + current or 1) * _LARGE[char]
            section = current = 0
    return str(total + section + current)


def _scaled(digits: str, scales: str) -> str:
    factor = 1
    for char in scales:
        factor *= {**_SCALES, **_LARGE}.get(char, 1)
    if factor == 1:
        return digits
    if "." in digits or not digits.isdigit() or len(digits) > 30:
        whole, _, rest = digits.partition(".")
        zeros = len(str(factor)) - 1
        return f"{whole}{rest}{'0' * max(0, zeros - len(rest))}".lstrip("0") or "0"
    return str(int(digits) * factor)
