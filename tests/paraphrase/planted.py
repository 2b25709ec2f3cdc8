"""Pairs of an answer and a sentence, written by hand, in ``good.txt`` and ``bad.txt``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from m3it_builder.paraphrase.acceptance import AnswerForm
from m3it_builder.records import Turn

_CHOICES = re.compile(r"\[(.*)\] (text|letter|both)")


@dataclass(frozen=True)
class Pair:
    """A sentence, the turn whose answer it would replace, and the reasons that are right."""

    turn: Turn
    said: str
    lang: str
    answer_form: AnswerForm
    reasons: tuple[str, ...]  # () if the sentence is good


def good() -> list[Pair]:
    return [_pair("", line) for line in _lines("good.txt")]


def bad() -> list[Pair]:
    return [_pair(*line.split(" | ", 1)) for line in _lines("bad.txt")]


def _lines(name: str) -> list[str]:
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _pair(reasons: str, line: str) -> Pair:
    question, answer, said = (part.strip() for part in line.split("|"))
    turn, form = _turn(question, answer)
    lang = "zh" if re.search(r"[\u3400-\u9fff]", question) else "en"
    return Pair(turn, said, lang, form, tuple(reasons.split(", ")) if reasons else ())


def _turn(question: str, answer: str) -> tuple[Turn, AnswerForm]:
    match = _CHOICES.fullmatch(answer)
    if not match:
        return Turn(question, answer), "text"
    choices = [choice.strip() for choice in match[1].split(";")]
    gold = next(index for index, choice in enumerate(choices) if choice.startswith("*"))
    choices[gold] = choices[gold][1:]
    form = cast(AnswerForm, match[2])
    return Turn(question, choices[gold], tuple(choices), gold), form
