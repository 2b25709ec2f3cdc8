"""Rule ``wrong_language``: script, and for English the stop words of other languages.

Letters of question and answer do not count, so that names may be in another script.
"""

from __future__ import annotations

import re

from m3it_builder.paraphrase.texts import STOP, Case
from m3it_builder.paraphrase.wordlists import words

_FOREIGN_STOP = words("foreign_stop")
_LATIN = ((0x41, 0x24F), (0x1E00, 0x1EFF))
_HAN = ((0x3005, 0x3007), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))
_KANA = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D))
_HANGUL = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF))
_CYRILLIC = ((0x400, 0x52F),)
_ARABIC = ((0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFEFF))
_DEVANAGARI = ((0x900, 0x97F),)
_SCRIPTS = {
    **{"zh": _HAN, "ja": (*_HAN, *_KANA), "ko": _HANGUL},
    **dict.fromkeys(("ar", "fa", "ur", "ps", "ckb", "sd"), _ARABIC),
    **dict.fromkeys(("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg"), _CYRILLIC),
    **dict.fromkeys(("hi", "mr", "ne"), _DEVANAGARI),
    **{"he": ((0x590, 0x5FF),), "el": ((0x370, 0x3FF),), "th": ((0xE00, 0xE7F),)},
    **{"ka": ((0x10A0, 0x10FF),), "hy": ((0x530, 0x58F),), "am": ((0x1200, 0x137F),)},
    **{"bn": ((0x980, 0x9FF),), "as": ((0x980, 0x9FF),), "pa": ((0xA00, 0xA7F),)},
    **{"gu": ((0xA80, 0xAFF),), "or": ((0xB00, 0xB7F),), "ta": ((0xB80, 0xBFF),)},
    **{"te": ((0xC00, 0xC7F),), "kn": ((0xC80, 0xCFF),), "ml": ((0xD00, 0xD7F),)},
    **{"lo": ((0xE80, 0xEFF),), "my": ((0x1000, 0x109F),), "km": ((0x1780, 0x17FF),)},
}


def _any_of(ranges: tuple[tuple[int, int], ...]) -> re.Pattern[str]:
    """Return a pattern of one character in ranges of code points."""
    return re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges) + "]")


_ANY = {lang: _any_of(ranges) for lang, ranges in _SCRIPTS.items()}
_ANY_LATIN, _ANY_KANA, _NOT_CHINESE = _any_of(_LATIN), _any_of(_KANA), _any_of((*_KANA, *_HANGUL))


def is_wrong_language(case: Case) -> bool:
    """Return True if a sentence is written in another language."""
    script = _ANY.get(case.lang)
    if script is None:
        return _is_not_latin(case) or (case.lang == "en" and _is_foreign(case))
    known = {*case.question.plain, *case.answer.plain}
    rest = script.sub("", case.said.plain)
    others = [char for char in rest if char.isalpha() and char not in known]
    if case.lang == "zh" and any(map(_NOT_CHINESE.match, others)):
        return True
    return len(others) > len(case.said.plain) - len(rest) or _has_no_kana(case)


def _has_no_kana(case: Case) -> bool:
    """Return True if a Japanese sentence has no kana: it may be Chinese."""
    return case.lang == "ja" and not _ANY_KANA.search(case.said.plain)


def _is_not_latin(case: Case) -> bool:
    """Return True if a letter is not Latin, and neither in the question nor in the answer."""
    if case.said.plain.isascii():
        return False
    known = {*case.question.plain, *case.answer.plain}
    return any(char.isalpha() and char not in known for char in _ANY_LATIN.sub("", case.said.plain))


def _is_foreign(case: Case) -> bool:
    """Return True if the stop words of other languages outnumber the English ones."""
    found = [word for word in case.said.words if word in _FOREIGN_STOP]
    if len(found) < 2:
        return False
    known = {*case.question.words, *case.answer.words}
    found = [word for word in found if word not in known]
    return len(found) > 1 and len(found) > sum(word in STOP for word in case.said.words)
