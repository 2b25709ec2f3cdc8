"""Rules ``letter_changed`` and ``other_option``, of answers that are one of several choices."""

from __future__ import annotations

import re

from m3it_builder.paraphrase.numerals import numbers_of
from m3it_builder.paraphrase.texts import Case, Text, text_of
from m3it_builder.paraphrase.wordlists import words
from m3it_builder.stages.render import letter

_MARKED = re.compile(
    r"[(\[（]\s*([A-Z]{1,2})\s*[)\]）]"
    r"|(?:[Oo]ptions?|[Cc]hoices?|[Ll]etter|[Aa]nswer(?: is|:)|选项?|答案[是为:：]?)[\s:：]*"
    r"([A-Z])(?![\w'])"
    r"|(?:^|[\s:：,，])([A-Z])(?=[).:：、]\s*\S)"
)
_ALONE = re.compile(r"(?<![\w'-])([B-HJ-Z])(?![\w'-])")  # A and I are words, too
_YES_OR_NO = words("yes_en") | words("no_en") | words("yes_zh") | words("no_zh")


def changes_letter(case: Case) -> bool:
    """Return True if a sentence lacks the letter that the answer shows, or names another."""
    gold = case.turn.gold
    if gold is None or not 0 <= gold < len(case.turn.choices):
        return False
    wanted = letter(gold)
    letters = {letter(index) for index in range(len(case.turn.choices))}
    own = case.turn.answer + case.turn.question
    found = {name for name in _marked(case.raw) if name in letters} - _marked(own)
    if found - {wanted}:
        return True
    if not case.shows_letter or wanted in _marked(case.raw):
        return False
    return wanted not in _ALONE.findall(case.raw)


def _marked(text: str) -> set[str]:
    return {one or two or three for one, two, three in _MARKED.findall(text)}


def says_other_option(case: Case) -> bool:
    """Return True if a sentence has the text of another choice, and not that of the answer."""
    gold, choices = case.turn.gold, case.turn.choices
    if gold is None or len(choices) < 2 or _says(case, case.answer):
        return False
    return any(
        _is_telling(choice, case) and _says(case, text_of(choice))
        for index, choice in enumerate(choices)
        if index != gold
    )


def _is_telling(choice: str, case: Case) -> bool:
    """Return True if a choice is neither yes or no, nor a number, nor part of the turn."""
    text = text_of(choice)
    if not text.words or text.plain.strip() in _YES_OR_NO or numbers_of(text):
        return False
    return text.padded not in case.question.padded and text.padded not in case.answer.padded


def _says(case: Case, text: Text) -> bool:
    if case.lang == "zh":
        return text.plain.strip(" .。") in case.said.plain
    return text.padded in case.said.padded
