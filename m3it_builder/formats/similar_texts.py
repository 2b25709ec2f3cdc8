"""Texts that resemble another: hard negatives for matching tasks, found in constant memory.

Two captions are similar if they share a rare word. An inverted index on disk maps a word
to the texts it is among the rarest words of; a query samples from the postings of its own
rarest words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from random import Random

from m3it_builder.sources.lookup import Lookup

Text = tuple[str, str, str]  # id of the text, id of its owner, the text
_WORD = re.compile(r"\w+")
_RAREST = 2  # words per text in the index
_SAMPLED = 16  # texts per word and query
_ANY = ""  # the posting list for queries without similar texts
_ANY_SIZE = 5_000


class Similar:
    """An inverted index of texts by their rarest words."""

    def __init__(self, read: Callable[[], Iterable[Text]]) -> None:
        """Index all texts.

        Args:
            read: yields them, the same ones each time; called twice.
        """
        self._frequency: Counter[str] = Counter()  # texts per word
        for _, _, text in read():
            self._frequency.update(set(_words(text)))
        self._sizes: Counter[str] = Counter()  # of the posting lists
        self._postings: Lookup[Text] = Lookup(self._entries(read()))

    def sample(self, rng: Random, text: str, owner: str, count: int) -> list[Text]:
        """Return up to ``count`` texts similar to ``text`` that have another owner.

        All differ from one another and from ``text``.
        """
        similar: dict[str, Text] = {}
        for word in (*self._rarest(text), _ANY):
            size = self._sizes[word]
            for position in rng.sample(range(size), min(size, _SAMPLED)):
                entry = self._postings.get([word, position])
                if entry and entry[1] != owner and entry[2] != text:
                    similar.setdefault(entry[2], (entry[0], entry[1], entry[2]))
            if len(similar) >= count:
                break
        return list(similar.values())[:count]

    def _entries(self, texts: Iterable[Text]) -> Iterator[tuple[list[object], Text]]:
        for entry in texts:
            words = self._rarest(entry[2])
            if self._sizes[_ANY] < _ANY_SIZE:
                words.append(_ANY)
            for word in words:
                yield [word, self._sizes[word]], entry
                self._sizes[word] += 1

    def _rarest(self, text: str) -> list[str]:
        """Return the words of a text that fewest texts have, but at least one other."""
        shared = {word for word in _words(text) if self._frequency[word] > 1}
        return sorted(shared, key=lambda word: (self._frequency[word], word))[:_RAREST]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
