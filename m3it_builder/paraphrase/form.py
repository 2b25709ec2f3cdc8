"""Rules about a sentence as such: empty, cut off, refusal, about the prompt, too long."""

from __future__ import annotations

import re

from m3it_builder.paraphrase.texts import STOP, Case, Text, has_han
from m3it_builder.paraphrase.wordlists import limit, phrases, words

_ENDS = re.compile(r"[.!?。！？…][\"'”’」』）)\]]*\Z")
_ELLIPSIS = ("...", "…", "..", "——", "--")
_UNFINISHED = words("unfinished_en")
_PROMPT_WORDS = words("prompt_en")
_PHRASES = {
    "refusal": tuple(f" {phrase} " for phrase in phrases("refusal_en")),
    "prompt": tuple(f" {phrase} " for phrase in phrases("prompt_en")),
}
_PHRASES_ZH = {"refusal": phrases("refusal_zh"), "prompt": phrases("prompt_zh")}
_UNKNOWN = phrases("unknown")
_PARTS_OF_PROMPT = (
    "answer:",
    "question:",
    "output:",
    "caption:",
    "答:",
    "答案:",
    "问题:",
    "```",
    '{"',
)
_LIMITS = {unit: limit(unit) for unit in ("words", "characters")}
_WITHOUT_SPACES = ("zh", "ja", "th", "lo", "km", "my")


def is_empty(case: Case) -> bool:
    """Return True if there is no letter and no digit in a sentence."""
    return not case.said.words


def is_cut_off(case: Case) -> bool:
    """Return True if a sentence has no end, or ends in a word that needs another."""
    if not _ENDS.search(case.raw):
        return True
    if case.raw.endswith(case.turn.answer.strip() or "\0"):
        return False
    if case.raw.rstrip("\"'”’)").endswith(_ELLIPSIS):
        return True
    last = case.said.words[-1] if case.said.words else ""
    if not case.raw.rstrip(".!?\"')").endswith(last):  # the letter of option A
        return False
    return last in _UNFINISHED and last not in case.answer.words[-1:] and last not in _last(case)


def _last(case: Case) -> tuple[str, ...]:
    """Return the last word of the question, which the template may end with."""
    return case.question.words[-1:]


def is_refusal(case: Case) -> bool:
    """Return True if a sentence declines to answer, and the answer does not."""
    found = _own_phrases(case, "refusal")
    return bool(found) and not any(text in case.answer.plain for text in _UNKNOWN)


def talks_of_prompt(case: Case) -> bool:
    """Return True if a sentence mentions prompt, caption or model, and the turn does not."""
    known = (*case.question.words, *case.answer.words)
    if any(word in _PROMPT_WORDS and word not in known for word in case.said.words):
        return True
    start = case.said.plain.lstrip()
    for part in _PARTS_OF_PROMPT:
        if start.startswith(part) and part not in case.question.plain + case.answer.plain:
            return True
    return bool(_own_phrases(case, "prompt"))


def _own_phrases(case: Case, kind: str) -> list[str]:
    """Return the phrases of a list that are in a sentence, but not in question or answer."""
    padded, known = case.said.padded, (case.question.padded, case.answer.padded)
    found = [
        phrase for phrase in _PHRASES[kind] if phrase in padded and not _has_content(known, phrase)
    ]
    if has_han(case.said.plain):
        plain, known = case.said.plain.replace(" ", ""), (case.question.plain, case.answer.plain)
        found += [text for text in _PHRASES_ZH[kind] if text in plain and not _in(text, known)]
    return found


def _has_content(known: tuple[str, str], phrase: str) -> bool:
    """Return True if all words of a phrase but the most frequent ones are in the turn."""
    return all(f" {word} " in known[0] + known[1] for word in phrase.split() if word not in STOP)


def _in(phrase: str, texts: tuple[str, str]) -> bool:
    return phrase in texts[0] or phrase in texts[1]


def is_too_long(case: Case) -> bool:
    """Return True if a sentence is longer than question and answer allow."""
    unit = "characters" if case.lang in _WITHOUT_SPACES else "words"
    base, per_question, per_answer = _LIMITS[unit]
    size = _characters if unit == "characters" else _words
    allowed = base + per_question * size(case.question) + per_answer * size(case.answer)
    return size(case.said) > allowed


def _characters(text: Text) -> int:
    return len(text.plain)


def _words(text: Text) -> int:
    return len(text.plain.split())
