"""Checks of an instruction pool: near-copies, the script of the language, too few words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations

from m3it_builder.authoring.scripts import is_unspaced, scripts_of_language, scripts_of_text

TODO = "TODO"
NEAR_COPY = 0.7  # share of words in common, of the longer text
MIN_WORDS = 3
_LETTERS_PER_WORD = 2  # in scripts without spaces between words, on average
_WORD = re.compile(r"\w+")


def check_pool(pool: Sequence[str], lang: str | None) -> Iterator[str]:
    """Yield what is wrong with the instructions of a pool; those with a TODO are left out.

    Args:
        pool: instructions.
        lang: BCP 47 tag of the task, or None if it is not known.
    """
    texts = [(number, text) for number, text in enumerate(pool, 1) if TODO not in text]
    expected = scripts_of_language(lang) if lang else set()
    for number, text in texts:
        if _word_count(text) < MIN_WORDS:
            yield f"instruction {number} has fewer than {MIN_WORDS} words: {text!r}"
        scripts = scripts_of_text(text)
        if expected and sum(scripts[name] for name in expected) * 2 <= scripts.total():
            found = ", ".join(name.capitalize() for name, _ in scripts.most_common(2)) or "no"
            yield (
                f"instruction {number} has {found} letters, "
                f"but the language of the task is {lang!r}: {text!r}"
            )
    for (first, one), (second, other) in combinations(texts, 2):
        if similarity(one, other) >= NEAR_COPY:
            yield f"instructions {first} and {second} are nearly the same: {one!r} and {other!r}"


def similarity(one: str, other: str) -> float:
    """Return the share of words that two texts have in common, in any order, from 0 to 1."""
    words, others = Counter(_tokens(one)), Counter(_tokens(other))
    longer = max(words.total(), others.total())
    return (words & others).total() / longer if longer else 1.0


def _tokens(text: str) -> Iterator[str]:
    """Yield lower-case words; of scripts without spaces, letters."""
    for word in _WORD.findall(text.lower()):
        if any(map(is_unspaced, word)):
            yield from word
        else:
            yield word


def _word_count(text: str) -> float:
    return sum(
        len(word) / _LETTERS_PER_WORD if any(map(is_unspaced, word)) else 1
        for word in _WORD.findall(text)
    )
