"""Texts made comparable: words without case, width and punctuation, and their grams.

What is compared is what a model is asked and answers, never the instruction,
which thousands of rows share by design.

- **Words.** NFKC, case folded, punctuation and symbols dropped. Where a script
  writes no spaces (Chinese, Japanese, Thai and its neighbours) every character
  is a word of its own.
- **Grams.** Thirteen words in a row, as contamination studies since GPT-3 have
  it: short enough that a copied paragraph shares many, long enough that two
  people hardly ever write the same. A character says less than a word, so grams
  are half as long again where most are Chinese or Japanese, and four times as
  long where most are letters of a script without spaces.
- **Whole texts.** A text of fewer words than a gram has none. For it, and for
  every other, the question and the answer together are one key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np

DEFAULT_GRAM = 13  # words
_ASCII_WORD = re.compile("[a-z0-9]+")
_SYLLABLES = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_SYLLABLE, _LETTER = re.compile(f"[{_SYLLABLES}]"), re.compile(f"[{_LETTERS}]")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True, slots=True)
class Grams:
    """Grams of a batch of texts, one entry each time one occurs."""

    text: Any  # int64: which text of the batch
    gram: Any  # uint64: a key

    def among(self, wanted: Any) -> Grams:
        """Return those that occur in an ascending array of keys."""
        if not len(wanted):
            return Grams(self.text[:0], self.gram[:0])
        place = np.minimum(np.searchsorted(wanted, self.gram), len(wanted) - 1)
        keep = wanted[place] == self.gram
        return Grams(self.text[keep], self.gram[keep])

    def once(self) -> Grams:
        """Return each gram of a text once."""
        order = np.lexsort((self.gram, self.text))
        text, gram = self.text[order], self.gram[order]
        keep = np.ones(len(text), bool)
        keep[1:] = (text[1:] != text[:-1]) | (gram[1:] != gram[:-1])
        return Grams(text[keep], gram[keep])


def words(text: str) -> list[str]:
    """Return the words of a text, comparable between spellings."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():
        return _ASCII_WORD.findall(plain)
    return "".join(map(_parted, plain)).split()


def whole(question: Sequence[str], answer: Sequence[str]) -> int:
    """Return the key of a question and its answer, 64 bits."""
    return _key(" ".join(question) + "\n" + " ".join(answer))


def gram_length(text: Sequence[str], gram: int) -> int:
    """Return how many words a gram of this text has, given how many it has in English."""
    if "".join(text[:1]).isascii() and "".join(text).isascii():
        return gram
    syllables = sum(1 for word in text if _SYLLABLE.match(word))
    letters = sum(1 for word in text if _LETTER.match(word))
    if 2 * max(syllables, letters) <= len(text):
        return gram
    return gram + gram // 2 if syllables > letters else 4 * gram


def grams(texts: Iterable[Sequence[str]], gram: int) -> Grams:
    """Return the grams of each text; a text of fewer words has none.

    Args:
        texts: the words of each.
        gram: words of a gram.
    """
    by_length: dict[int, tuple[list[int], list[Sequence[str]]]] = {}
    for number, text in enumerate(texts):
        length = gram_length(text, gram)
        if len(text) >= length:
            numbers, held = by_length.setdefault(length, ([], []))
            numbers.append(number)
            held.append(text)
    found = [_grams(numbers, held, length) for length, (numbers, held) in by_length.items()]
    return Grams(
        np.concatenate([np.empty(0, np.int64), *(one.text for one in found)]),
        np.concatenate([np.empty(0, np.uint64), *(one.gram for one in found)]),
    )


def _grams(numbers: list[int], texts: list[Sequence[str]], length: int) -> Grams:
    """Return the grams of texts that have some: a rolling sum over the keys of the words."""
    keys = np.array([_word_key(word) for text in texts for word in text], np.uint64)
    owner = np.repeat(np.array(numbers, np.int64), [len(text) for text in texts])
    count = len(keys) - length + 1
    rolled = np.zeros(count, np.uint64)
    for place in range(length):
        rolled = rolled * _FACTOR + keys[place : place + count]
    rolled = (rolled ^ (rolled >> np.uint64(31))) * _MIX
    inside = owner[:count] == owner[length - 1 :]
    return Grams(owner[:count][inside], rolled[inside])


@lru_cache(maxsize=1 << 16)
def _parted(character: str) -> str:
    """Return a character as it stands among words: kept, standing alone, a gap, or nothing."""
    if _SYLLABLE.match(character) or _LETTER.match(character):
        return f" {character} " if unicodedata.category(character)[0] in "LMN" else " "
    kind = unicodedata.category(character)
    if kind == "Cf":  # soft hyphens, joiners
        return ""
    return character if kind[0] in "LMN" else " "


@lru_cache(maxsize=1 << 17)
def _word_key(word: str) -> int:
    return _key(word)


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest())
