"""Rules ``answer_missing`` and ``question_only``: the words of the answer are in the sentence.

Inflection, articles, hyphens and spelling variants are allowed, synonyms are not.
"""

from __future__ import annotations

import re
from itertools import pairwise

from m3it_builder.paraphrase import polarity, polarity_zh
from m3it_builder.paraphrase.han_numerals import in_digits
from m3it_builder.paraphrase.numerals import is_number
from m3it_builder.paraphrase.texts import STOP, Case, Text, has_han, stem, stems
from m3it_builder.paraphrase.wordlists import words

_FUNCTION_HAN = words("function_zh")
_NEGATORS = words("negators_en")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NOT_TEXT = re.compile(r"[\W_]+")
_NEGATORS_HAN = frozenset("不没无未非有")


def misses_answer(case: Case) -> bool:
    """Return True if a content word of the answer is not in a sentence."""
    answer = case.answer
    if case.letter_suffices or not answer.words:
        return False
    if has_han(answer.plain):
        if polarity_zh.answered(case) is not None:
            return False
        return _is_one_of_several(case) or _misses_han(answer.plain, case.said.plain)
    wanted = [word for word in answer.words if _is_content(word)]
    if polarity.answered(case) is not None:
        wanted = [word for word in wanted if word != answer.words[0]]
    elif _is_one_of_several(case):
        return True
    elif not wanted and not any(map(is_number, answer.words)) and not _NEGATORS & {*answer.words}:
        return not {*answer.words} <= {*case.said.words}
    return _misses_words(wanted, case.said)


def _is_content(word: str) -> bool:
    return word not in STOP and word not in _NEGATORS and not is_number(word)


def _is_one_of_several(case: Case) -> bool:
    """Return True if a sentence has an "or" that is not in the turn."""
    turn, said = (case.question, case.answer), case.said
    if " or " in said.padded and not any(" or " in text.padded for text in turn):
        return True
    return "或" in said.plain and not any("或" in text.plain for text in turn)


def _misses_words(wanted: list[str], said: Text) -> bool:
    have = set(stems(said.words))
    missing = {stem(word) for word in wanted} - have
    if not missing:
        return False
    have.update(stem(one + other) for one, other in pairwise(said.words))  # t shirt, tshirt
    for one, other in pairwise(wanted):
        if stem(one + other) in have:
            have.update((stem(one), stem(other)))
    return bool(missing - have)


def _misses_han(answer: str, said: str) -> bool:
    """Return True if characters of a Chinese answer are missing, numerals and particles apart."""
    if _NOT_TEXT.sub("", answer) in _NOT_TEXT.sub("", said):
        return False
    wanted = {char for char in _HAN.findall(in_digits(answer)) if char not in _FUNCTION_HAN}
    if not wanted - _NEGATORS_HAN:
        return False
    have = {*said}
    latin = re.findall(r"[a-z]+", answer)
    return bool(wanted - _NEGATORS_HAN - have) or any(word not in said for word in latin)


def repeats_question(case: Case) -> bool:
    """Return True if a sentence asks, or has the words of the question and no other."""
    if case.answer.plain.strip(" .。!?") in ("", case.question.plain.strip(" .。!?")):
        return False
    plain = case.said.plain.rstrip("\"') ")
    if plain.endswith("?") and not case.answer.plain.rstrip("\"') ").endswith("?"):
        return True
    if has_han(case.said.plain):
        return _letters(case.said) == _letters(case.question)
    return bool(case.question.words) and case.said.words == case.question.words


def _letters(text: Text) -> str:
    return _NOT_TEXT.sub("", text.plain)
