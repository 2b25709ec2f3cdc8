"""Texts as the acceptance rules compare them: lower case, NFKC, straight quotes, words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from m3it_builder.paraphrase.wordlists import pairs, words
from m3it_builder.records import Turn

_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)?")
_WORD = re.compile(r"[\u3400-\u9fff]+|(?:(?![\u3400-\u9fff])[^\W_])+(?:'[^\W_]+)?")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "“": '"', "”": '"', "„": '"', "\u00a0": " "})
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_VOWEL = re.compile(r"[aeiouy]")
_DOUBLED = re.compile(r"([bdgkmnprtvz])\1\Z")

STOP = words("stop_en")
_COMPARED_AS = {**pairs("irregular_en"), **pairs("spelling_en")}
_BASE_FORMS = frozenset(_COMPARED_AS.values())


@dataclass(frozen=True, slots=True)
class Text:
    """One text in the forms that rules compare."""

    plain: str  # lower case, NFKC, straight quotes
    words: tuple[str, ...]  # "man's" is one word; a run of Chinese characters is one, too
    padded: str  # words between single blanks, for phrases


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence and the turn whose answer it would replace."""

    turn: Turn
    raw: str  # the sentence as returned, without blanks around it
    question: Text
    answer: Text
    said: Text
    lang: str  # primary subtag
    shows_letter: bool  # the published answer has the letter of an option
    letter_suffices: bool  # and nothing else


def text_of(raw: str) -> Text:
    """Return a text in the forms that rules compare."""
    pattern = _ASCII_WORD
    if not raw.isascii():
        pattern = _WORD
        raw = unicodedata.normalize("NFKC", raw.translate(_QUOTES)).translate(_QUOTES)
    plain = raw.lower()
    found = tuple(pattern.findall(plain))
    return Text(plain, found, f" {' '.join(found)} ")


def has_han(text: str) -> bool:
    """Return True if a text has a Chinese character."""
    return not text.isascii() and _HAN.search(text) is not None


def without_possessive(word: str) -> str:
    """Return a word without its possessive ending."""
    return word[:-2] if word.endswith("'s") else word


@lru_cache(50_000)
def stem(word: str) -> str:
    """Return the form in which inflections and spelling variants of a word are equal.

    It removes plural, -ed, -ing and possessive endings; the result need not be a word.
    """
    word = without_possessive(word)
    word = _COMPARED_AS.get(word, word)
    if len(word) > 3 and word not in _BASE_FORMS:
        word = _without_ending(word)
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def stems(found: tuple[str, ...]) -> list[str]:
    """Return the stems of words."""
    return [stem(word) for word in found]


def _without_ending(word: str) -> str:
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if rest != word and len(rest) >= 3 and not word.endswith("eed") and _VOWEL.search(rest):
            return rest[:-1] if _DOUBLED.search(rest) else rest
    if word.endswith(("sses", "shes", "ches", "xes", "zes", "toes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word
