"""Polarity of Chinese sentences; see ``polarity``."""

from __future__ import annotations

import re

from m3it_builder.paraphrase.correction import corrects
from m3it_builder.paraphrase.texts import Case
from m3it_builder.paraphrase.wordlists import words

_YES, _NO = words("yes_zh"), words("no_zh")
_EITHER = "|".join(sorted(_YES | _NO, key=lambda text: (-len(text), text)))
_BREAK = re.compile(r"[,。;、!?:.\s]+|但是|因为|所以|不过|而且|而是|而|但")
_AFFIRMED = re.compile("|".join(sorted(words("not_negations_zh"), key=len, reverse=True)))
_NEGATION = re.compile(r"没有?|不|并非|毫无|无法|无|非|未|否|缺乏|假的")
_LEAD = re.compile(rf"[\s\"]*(?:答案是?[::]?\s*)?\"?({_EITHER})\"?(?=[,。.!;:、\s]|$)")
_ANSWER_IS = re.compile(
    rf"(?:正确的?)?(?:答案|选项)是[::]?\s*(?:\([a-z]+\)\s*)?\"?({_EITHER})\"?(?=[,。.!;:、\s]|$)"
)
_ASKS = re.compile(r"什么|哪|谁|几|多少|怎么|怎样|为何|何处|何时|多[大高长远]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_FILLERS = frozenset("的了着是在吗么呢吧啊这那有没不非并情况如此他她它们也都就")


def flips_polarity(case: Case) -> bool:
    """Return True if a Chinese sentence affirms what the answer denies, or the other way around."""
    wanted = answered(case)
    if wanted is None:
        return _denies_answer(case)
    said = case.said.plain
    lead = _lead(said)
    if lead is not None and lead != wanted:
        return True
    question = case.question.plain
    clause = _about(question, _clauses(said))
    if negations(question) % 2:
        if clause is None or not wanted:
            return lead is None
        return negations(clause) % 2 == 0
    if clause is None:
        return lead is None and not case.letter_suffices
    if (negations(clause) % 2 == 0) == wanted:
        return False
    return wanted or not (lead is False and corrects(_content(question), _content(clause)))


def negations(text: str) -> int:
    """Return the number of negations in a Chinese text."""
    return len(_NEGATION.findall(_AFFIRMED.sub(" ", text)))


def answered(case: Case) -> bool | None:
    """Return True for an answer 是的, False for 不是; None for others."""
    answer = case.answer.plain.strip(" 。.!,~")
    head = answer.split(",")[0]
    if head not in _YES and head not in _NO:
        return None
    question = case.question.plain
    asks_whether = re.search(r"(?<![什怎])[吗么嘛]\W*\Z|(.)[不没]\1|有没有", question) is not None
    if _ASKS.search(question) and not asks_whether:
        return None
    return head in _YES


def _lead(said: str) -> bool | None:
    """Return the yes or no that a sentence starts with, or names as the answer."""
    match = _ANSWER_IS.search(said) or _LEAD.match(said)
    if not match:
        return None
    return match[1] in _YES


def _clauses(said: str) -> list[str]:
    """Return the clauses of a sentence other than yes and no."""
    body = _ANSWER_IS.sub(" ", said)
    parts = (part.strip(" \"'()") for part in _BREAK.split(body))
    return [part for part in parts if part and part not in _YES and part not in _NO]


def _about(question: str, clauses: list[str]) -> str | None:
    """Return the clause that has most characters of the question; else the first one."""
    asked = set(_HAN.findall(question)) - _FILLERS
    best = max(clauses, key=lambda clause: len(asked & set(clause)), default=None)
    if best is None or (not asked & set(best) and negations(best) == 0 and asked):
        return best if best and _is_short(best) else None
    return best


def _is_short(clause: str) -> bool:
    return set(_HAN.findall(clause)) <= _FILLERS


def _content(text: str) -> list[str]:
    return [char for char in _HAN.findall(text) if char not in _FILLERS]


def _denies_answer(case: Case) -> bool:
    """Return True if an answer other than yes or no is negated, or has lost its negation."""
    answer = case.answer.plain.strip(" 。.!,")
    said = case.said.plain
    own, total = negations(answer), negations(said)
    if own:
        return total == 0 and answer not in said
    if not total or negations(case.question.plain) or not answer:
        return False
    core = answer.strip("的了色")
    holding = [clause for clause in _clauses(said) if core and core in clause]
    return bool(holding) and all(
        negations(clause[: clause.index(core)]) % 2 == 1 for clause in holding
    )
