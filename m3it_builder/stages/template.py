"""Turn a short answer into a sentence without a model, in English and Chinese.

M3IT had ChatGPT write a sentence for each short answer, and put a template in place of those
that failed its checks (paper, section 3.2). A rule applies only where the sentence cannot
become ungrammatical; all others get a plain lead-in. The answer is part of every sentence, with
its spelling unchanged. An answer that is a sentence already, or long, keeps its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from m3it_builder.records import Turn
from m3it_builder.stages import template_en, template_zh
from m3it_builder.stages.render import letter

LANGUAGES = ("en", "zh")
_LONG = {"en": 8, "zh": 18}  # words, or characters: an answer that is not put into a sentence
_ENDS = re.compile(r"[.!?。！？…][\"'”’）)\]]*\Z")

Rule = Callable[[str, str], str | None]  # question without its mark, answer → sentence, or None


def has_language(lang: str) -> bool:
    """Return True if sentences can be made in a language (BCP 47)."""
    return _primary(lang) in LANGUAGES


def sentence(turn: Turn, lang: str, answer_form: str = "text") -> str:
    """Return a sentence that has the answer of a turn; "" for a blank answer.

    Args:
        turn: with its question and choices.
        lang: BCP 47, one of ``LANGUAGES``.
        answer_form: of answers that are choices: ``text``, ``letter`` or ``both``; a letter stays
            in the sentence.

    Raises:
        KeyError: there is no template in this language.
    """
    language = _primary(lang)
    answer = turn.answer.strip()
    if not answer:
        return ""
    if turn.gold is not None and answer_form != "text":
        return _ended(_OPTION[language].format(f"({letter(turn.gold)}) {answer}"), language)
    if _is_long(answer, language):
        return _ended(answer, language)
    question = _last_line(turn.question)
    for rule in _RULES[language]:
        if (made := rule(question, answer)) and _keeps(made, answer):
            return _ended(made, language)
    lead_in = _OPTION if turn.choices else _LEAD_IN
    return _ended(lead_in[language].format(answer), language)


def _primary(lang: str) -> str:
    return lang.split("-")[0]


def _last_line(question: str) -> str:
    """Return the question itself, without blanks, its mark, and lines of context above it."""
    lines = question.strip().splitlines()
    return lines[-1].strip().rstrip("?？ 。.").strip() if lines else ""


def _is_long(answer: str, language: str) -> bool:
    size = len(answer) if language == "zh" else len(answer.split())
    is_sentence = _ENDS.search(answer) and size >= _LONG[language] // 2
    return bool(is_sentence) or size >= _LONG[language]


def _keeps(made: str, answer: str) -> bool:
    """Return True if a sentence has the answer, and no full stop before its end."""
    return made.endswith(answer) if _ENDS.search(answer) else answer in made


def _ended(text: str, language: str) -> str:
    """Return a text that ends as a sentence."""
    if _ENDS.search(text):
        return text
    return text + ("。" if language == "zh" else ".")


_LEAD_IN = {"en": "The answer is {}", "zh": "答案是{}"}
_OPTION = {"en": "The correct option is {}", "zh": "正确的选项是{}"}
_RULES: dict[str, tuple[Rule, ...]] = {"en": template_en.RULES, "zh": template_zh.RULES}
