"""Normalize texts to words, and give n-grams and whole texts 64-bit keys for comparison.

What is compared is what a model is asked and answers, never the instruction, which thousands
of rows share by design.

- **Words.** NFKC, case-folded, without punctuation and symbols. In scripts without spaces
  (Chinese, Japanese, Thai and related ones) every character is a word of its own.
- **N-grams.** 13 consecutive words, as in contamination studies since GPT-3: short enough that
  a copied paragraph shares many, long enough that two authors hardly ever write the same.
  A character carries less than a word, so n-grams are half as long again where most words are
  Chinese or Japanese characters, and four times as long where most are letters of another
  script without spaces.
- **Whole texts.** A text with fewer words than an n-gram has none. For these, and for all
  others, question and answer together have one key.
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

_ASCII_WORD = re.compile("[a-z0-9]+")
# Kana and Chinese characters, each about a syllable.
_SYLLABLES = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTERS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
_SYLLABLE, _LETTER = re.compile(f"[{_SYLLABLES}]"), re.compile(f"[{_LETTERS}]")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True, slots=True)
class NGrams:
    """N-grams of a batch of texts, one entry per occurrence."""

    text: Any  # int64: position of the text in the batch
    ngram: Any  # uint64: key

    def among(self, keys: Any) -> NGrams:
        """Return the occurrences whose key is in an ascending array."""
        if not len(keys):
            return NGrams(self.text[:0], self.ngram[:0])
        position = np.minimum(np.searchsorted(keys, self.ngram), len(keys) - 1)
        keep = keys[position] == self.ngram
        return NGrams(self.text[keep], self.ngram[keep])

    def distinct(self) -> NGrams:
        """Return each n-gram of a text once."""
        order = np.lexsort((self.ngram, self.text))
        text, ngram = self.text[order], self.ngram[order]
        keep = np.ones(len(text), bool)
        keep[1:] = (text[1:] != text[:-1]) | (ngram[1:] != ngram[:-1])
        return NGrams(text[keep], ngram[keep])


def words(text: str) -> list[str]:
    """Return the normalized words of a text."""
    normalized = unicodedata.normalize("NFKC", text).casefold()
    if normalized.isascii():
        return _ASCII_WORD.findall(normalized)
    return "".join(map(_separate, normalized)).split()


def text_key(question: Sequence[str], answer: Sequence[str]) -> int:
    """Return a 64-bit key of a question and its answer, given as words."""
    return _key(" ".join(question) + "\n" + " ".join(answer))


def ngram_length(text: Sequence[str], length: int) -> int:
    """Return the n-gram length for the scripts of a text, given the length for English."""
    if "".join(text[:1]).isascii() and "".join(text).isascii():
        return length
    syllables = sum(1 for word in text if _SYLLABLE.match(word))
    letters = sum(1 for word in text if _LETTER.match(word))
    if 2 * max(syllables, letters) <= len(text):
        return length
    return length + length // 2 if syllables > letters else 4 * length


def ngrams(texts: Iterable[Sequence[str]], length: int) -> NGrams:
    """Return the n-grams of each text; a text with fewer words has none.

    Args:
        texts: as normalized words.
        length: words per n-gram, for English.
    """
    by_length: dict[int, tuple[list[int], list[Sequence[str]]]] = {}
    for position, text in enumerate(texts):
        own_length = ngram_length(text, length)
        if len(text) >= own_length:
            positions, members = by_length.setdefault(own_length, ([], []))
            positions.append(position)
            members.append(text)
    batches = [_ngrams(*batch, own_length) for own_length, batch in by_length.items()]
    return NGrams(
        np.concatenate([np.empty(0, np.int64), *(batch.text for batch in batches)]),
        np.concatenate([np.empty(0, np.uint64), *(batch.ngram for batch in batches)]),
    )


def _ngrams(positions: list[int], texts: list[Sequence[str]], length: int) -> NGrams:
    """Return the n-grams of texts of at least ``length`` words."""
    keys = np.array([_word_key(word) for text in texts for word in text], np.uint64)
    owner = np.repeat(np.array(positions, np.int64), [len(text) for text in texts])
    count = len(keys) - length + 1
    # A polynomial rolling hash of all windows at once, over the concatenated texts; windows that
    # reach into the next text are removed at the end.
    rolled = np.zeros(count, np.uint64)
    for offset in range(length):
        rolled = rolled * _FACTOR + keys[offset : offset + count]
    rolled = (rolled ^ (rolled >> np.uint64(31))) * _MIX
    within = owner[:count] == owner[length - 1 :]
    return NGrams(owner[:count][within], rolled[within])


@lru_cache(maxsize=1 << 16)
def _separate(character: str) -> str:
    """Return a character as it is, as a word of its own, as a space, or as nothing."""
    if _SYLLABLE.match(character) or _LETTER.match(character):
        return f" {character} " if unicodedata.category(character)[0] in "LMN" else " "
    category = unicodedata.category(character)
    if category == "Cf":  # soft hyphens, joiners
        return ""
    return character if category[0] in "LMN" else " "


@lru_cache(maxsize=1 << 17)
def _word_key(word: str) -> int:
    return _key(word)


def _key(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="replace"), digest_size=8).digest())
