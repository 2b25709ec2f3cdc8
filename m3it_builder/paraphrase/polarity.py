"""Rule ``polarity_flipped``: a sentence affirms what the answer affirms, and denies what it denies.

Of an answer yes or no, what counts is the yes or no that a sentence starts with, and the negations
in the clause that repeats the question. Of other answers, a negation before the answer counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from m3it_builder.paraphrase import polarity_zh
from m3it_builder.paraphrase.correction import corrects
from m3it_builder.paraphrase.numerals import is_number
from m3it_builder.paraphrase.texts import STOP, Case, has_han, stem, stems
from m3it_builder.paraphrase.wordlists import phrases, words

_YES, _NO = words("yes_en"), words("no_en")
_EITHER = _YES | _NO
_PLAIN_NO = _NO - {"false", "incorrect", "negative"}
_NEGATORS = words("negators_en")
_ONLY_NEGATIVE = words("only_negative_en") | {"no one", "not any"}
_WH = words("asks_en")
_AUXILIARY, _PRONOUNS = words("auxiliary_en"), words("pronouns_en")
_ADVERBS = words("adverbs_en")
_FILLERS = STOP | _AUXILIARY | _PRONOUNS | _ADVERBS | _NEGATORS | _YES | _NO | {"answer", "image"}
_BREAK = re.compile(
    r"[,;:.!?()\n]+|\s[-–—]\s|\band(?= not\b)"
    r"|\b(?<!anything )(?<!nothing )(?:" + "|".join(sorted(words("breaks_en"))) + r")\b"
)
_AFFIRMED = re.compile(
    "|".join(rf"\b{re.escape(p.strip())}(?!\w)" for p in phrases("not_negations_en"))
)
_ONES = phrases("one_negation_en")
_ONE = re.compile("|".join(rf"\b{re.escape(phrase)}\b" for phrase in _ONES))
_LEAD = re.compile(
    r"\W*(?:the answer is|answer is|it is|it's)?[\s:,\"']*"
    r"(?P<word>[a-z]+)[\"']?(?P<after>\s*[,.:;!\n-]|\s*$| [a-z']+)"
)
_ANSWER_IS = re.compile(r"\bthe (?:correct )?(?:answer|option) is (?:\([a-z]+\) )?\W?(yes|no)\b")
_TAG = re.compile(r"(?:[a-z]+n't|is|are|was|were|does|do|did|can) (?:it|they|he|she|there|you|we)")
_RHETORICAL = re.compile(r"\W*[a-z]+n't\b")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@dataclass(frozen=True, slots=True)
class _Clause:
    """Words of a part of a sentence, and the negations among them."""

    words: tuple[str, ...]
    negations: int


def flips_polarity(case: Case) -> bool:
    """Return True if a sentence affirms what the answer denies, or the other way around."""
    if case.lang == "zh" or has_han(case.answer.plain):
        return polarity_zh.flips_polarity(case)
    wanted = answered(case)
    if wanted is None:
        return _denies_answer(case)
    lead = _lead(case.said.plain)
    if (lead is not None and lead != wanted) or " yes and no " in case.said.padded:
        return True
    asked = negations(case.question.plain)
    clauses = _clauses(_ANSWER_IS.sub(" ", case.said.plain))
    if _RHETORICAL.match(case.question.plain):
        asked = 0
    if asked % 2:
        return _flips_negative_question(wanted, lead, _about(case, clauses))
    return _flips_question(case, wanted, lead, clauses)


@lru_cache(256)
def negations(text: str) -> int:
    """Return the number of negations in an English text."""
    return sum(clause.negations for clause in _clauses(text))


def answered(case: Case) -> bool | None:
    """Return True for an answer yes, False for no; None for others, and where nothing was asked."""
    found = case.answer.words
    if not found:
        return None
    plain = case.answer.plain.strip()
    asks = case.question.words[:1]
    if plain.strip(" .!") in _ONLY_NEGATIVE:
        return None
    has_only_word = len(found) == 1 or plain[len(found[0]) : len(found[0]) + 1] in (
        ",",
        ".",
        ";",
        ":",
    )
    if not has_only_word or (asks and asks[0] in _WH):
        return None
    if found[0] in _YES and found[0] not in ("correct", "true"):
        return True
    return False if found[0] in _PLAIN_NO else None


def _lead(said: str) -> bool | None:
    """Return the yes or no that a sentence starts with, or names as the answer."""
    named = _ANSWER_IS.search(said)
    if named:
        return named[1] == "yes"
    match = _LEAD.match(said)
    if not match:
        return None
    word, after = match["word"], match["after"].strip()
    if word in _YES:
        return True if word != "true" or not after[:1].isalpha() else None
    if word not in _NO:
        return None
    follows = not after[:1].isalpha() or after in _PRONOUNS or after in ("the", *_AUXILIARY)
    return False if follows else None


def _clauses(text: str) -> list[_Clause]:
    """Return the clauses of a text that have words, without yes, no and question tags."""
    text = _AFFIRMED.sub(" ", text) if "no" in text or "with" in text or "whe" in text else text
    found: list[_Clause] = []
    for part in _BREAK.split(text):
        part = part.strip(" \"'")
        one = tuple(_WORD.findall(part))
        if not one or (found and _TAG.fullmatch(part)) or (len(one) == 1 and one[0] in _EITHER):
            continue
        found.append(_Clause(one, _count(part, one)))
    return found


def _count(part: str, found: tuple[str, ...]) -> int:
    """Return the number of negations in a clause; "neither ... nor" is one."""
    if found[0] in _PLAIN_NO and len(found) > 1 and found[1] in _PRONOUNS | {"the"}:
        found = found[1:]  # "no it is not"
    rest, ones = _ONE.subn(" ", part) if any(map(part.__contains__, _ONES)) else (part, 0)
    left = _WORD.findall(rest) if ones else found
    count: int = sum(word in _NEGATORS or word.endswith("n't") for word in left if word != "nor")
    return int(count + ones)


def _about(case: Case, clauses: list[_Clause]) -> _Clause | None:
    """Return the clause that has most of the question, whose later words count more."""
    asked = _content(case.question.words)
    best, most = None, 0.0
    for clause in clauses:
        have = set(stems(clause.words))
        have.update(word[2:] for word in tuple(have) if word.startswith("un"))
        score = sum(1 + rank / 10 for rank, word in enumerate(asked) if word in have)
        if score > most:
            best, most = clause, score
    return best


def _content(found: tuple[str, ...]) -> list[str]:
    return [stem(word) for word in found if word not in _FILLERS]


def _flips_negative_question(wanted: bool, lead: bool | None, clause: _Clause | None) -> bool:
    """Judge the answer to "Is he not ...?": yes repeats the negation, no needs to be said."""
    if clause is None or not wanted:
        return lead is None
    return clause.negations % 2 == 0


def _flips_question(case: Case, wanted: bool, lead: bool | None, clauses: list[_Clause]) -> bool:
    asked, clause = _content(case.question.words), _about(case, clauses)
    if clause is None:
        clause = next((one for one in clauses if _may_answer(one, bool(asked))), None)
    if clause is None:
        return lead is None and not case.letter_suffices
    denied = bool((clause.negations + _prefixed(case, clause)) % 2)
    if denied != wanted:  # a yes without negation, or a no with one
        return False
    return wanted or lead is not False or not corrects(asked, _content(clause.words))


def _may_answer(clause: _Clause, has_content: bool) -> bool:
    """Return True if a clause without words of the question may answer it."""
    if has_content:
        return clause.negations > 0 or _is_short(clause)
    return not _AUXILIARY.isdisjoint(clause.words)


def _is_short(clause: _Clause) -> bool:
    """Return True for a clause such as "it is"."""
    return set(clause.words) <= _FILLERS and bool(set(clause.words) & _AUXILIARY)


def _prefixed(case: Case, clause: _Clause) -> int:
    """Return the number of words that a prefix negates: unhappy, of a question about happy."""
    asked = set(case.question.words) - set(clause.words)
    prefixes = ("un", "in", "im", "non", "dis")
    return sum(
        word not in case.question.words
        and any(word == prefix + one for prefix in prefixes for one in asked)
        for word in clause.words
    )


def _denies_answer(case: Case) -> bool:
    """Return True if an answer other than yes or no is negated, or has lost its negation."""
    said = case.said.plain
    own = sum(word in _NEGATORS or word.endswith("n't") for word in case.answer.words)
    if own:
        return negations(said) + ("no" in case.said.words) == 0 and " 0 " not in case.said.padded
    wanted = {stem(word) for word in case.answer.words if word not in STOP}
    if not wanted or negations(case.question.plain):
        return False
    if any(map(is_number, case.answer.words)):  # in digits or words
        wanted.update(stem(word) for word in case.said.words if is_number(word))
    holding = [clause for clause in _clauses(said) if not wanted.isdisjoint(stems(clause.words))]
    return bool(holding) and all(_is_denied(clause, wanted) for clause in holding)


def _is_denied(clause: _Clause, wanted: set[str]) -> bool:
    """Return True if there is an odd number of negations before the answer in a clause."""
    if not clause.negations:
        return False
    found = stems(clause.words)
    first = next(position for position, word in enumerate(found) if word in wanted)
    before = clause.words[:first]
    return bool(before) and _count(" ".join(before), before) % 2 == 1
