"""Rule ``name_changed``: names, quoted strings and texts in the image stay as they are."""

from __future__ import annotations

import re
import unicodedata

from m3it_builder.paraphrase.texts import STOP, Case, stem, without_possessive
from m3it_builder.paraphrase.wordlists import words

_TOKEN = re.compile(r"[A-Za-zÀ-ɏ0-9]+(?:['’.&-][A-Za-zÀ-ɏ0-9]+)*")
_QUOTED = re.compile(r"[\"“”「『《]([^\"“”「」『』《》]{1,80})[\"“”」』》]")
_NOT_ALNUM = re.compile(r"[\W_]+")
_NOT_NAMES = words("yes_en") | words("no_en")


def changes_name(case: Case) -> bool:
    """Return True if a name of the answer is not in a sentence; case does not matter."""
    answer = case.turn.answer
    if answer.islower() and answer.isascii() and '"' not in answer:
        return any(_misses_code(word, case) for word in case.answer.words)
    said = f" {_compared(case.said.plain)} "
    for quoted in _QUOTED.findall(answer):
        if _compared(quoted.lower()).strip() not in said:
            return True
    return any(_misses(word, position, case) for word, position in _names(answer))


def _names(answer: str) -> list[tuple[str, int]]:
    """Return the words of an answer that have a capital or a digit, with their position."""
    found = _TOKEN.findall(unicodedata.normalize("NFKC", answer))
    return [
        (word, position)
        for position, word in enumerate(found)
        if not word.islower() and not word.isdigit()
    ]


def _misses(word: str, position: int, case: Case) -> bool:
    lower = word.lower().replace("’", "'")
    if lower in STOP or lower in _NOT_NAMES or not any(map(str.isalpha, lower)):
        return False
    if any(map(str.isdigit, lower)):
        return _misses_code(lower, case)
    wanted = _compared(without_possessive(lower))
    said = _compared(case.said.plain)
    if f" {wanted} " in f" {said} " or f" {wanted}s " in f" {said} ":
        return False
    if wanted.replace(" ", "") in {*said.split(), said.replace(" ", "")}:
        return False
    if _is_beside_han(wanted, said):
        return False
    is_common = position == 0 and word[1:].islower()  # "Dogs" at the start of an answer
    return not (is_common and stem(lower) in {stem(one) for one in case.said.words})


def _is_beside_han(wanted: str, said: str) -> bool:
    """Return True if a name follows or precedes Chinese characters without a blank."""
    pattern = rf"(?<![a-z0-9]){re.escape(wanted)}(?![a-z0-9])"
    return not said.isascii() and re.search(pattern, said) is not None


def _misses_code(word: str, case: Case) -> bool:
    """Return True if a word of letters and digits, such as B12, is not in a sentence.

    A number with a unit, such as 20mph, or an ordinal is left to the rule for numbers.
    """
    if (
        word.isalpha()
        or word.isdigit()
        or re.fullmatch(r"\d[\d.,:]*[a-zé']{1,6}|.*[^\x00-\x7f].*", word)
    ):
        return False
    squashed = _NOT_ALNUM.sub("", word)
    return (
        squashed.isalnum()
        and not squashed.isalpha()
        and squashed not in _NOT_ALNUM.sub("", case.said.plain)
    )


def _compared(text: str) -> str:
    """Return a text with single blanks in place of everything but letters and digits."""
    return _NOT_ALNUM.sub(" ", text.replace("'s ", " ").removesuffix("'s")).strip()
