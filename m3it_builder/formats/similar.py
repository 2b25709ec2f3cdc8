"""Texts that resemble another: hard negatives for matching tasks, found in flat memory.

Two captions are close if they share a rare word. Every text is filed under its
rarest words, on disk; a query draws from the files of its own rarest words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from random import Random

from m3it_builder.sources.lookup import Lookup

Text = tuple[str, str, str]  # id of the text, id of what it belongs to, the text
_WORD = re.compile(r"\w+")
_RAREST = 2  # words a text is filed under
_DRAWN = 16  # texts looked at for each word
_ANY = ""  # the file of texts for queries without resemblance
_ANY_SIZE = 5_000


class Similar:
    """Texts by their rarest words."""

    def __init__(self, read: Callable[[], Iterable[Text]]) -> None:
        """File all texts.

        Args:
            read: yields them, the same each time; called twice.
        """
        self._spread: Counter[str] = Counter()
        for _, _, text in read():
            self._spread.update(set(_words(text)))
        self._sizes: Counter[str] = Counter()
        self._files: Lookup[Text] = Lookup(self._filed(read()))

    def draw(self, dice: Random, text: str, owner: str, count: int) -> list[Text]:
        """Return up to ``count`` texts like ``text`` that belong to something else.

        All differ from one another and from ``text``.
        """
        found: dict[str, Text] = {}
        for word in (*self._rarest(text), _ANY):
            size = self._sizes[word]
            for place in dice.sample(range(size), min(size, _DRAWN)):
                entry = self._files.get([word, place])
                if entry and entry[1] != owner and entry[2] != text:
                    found.setdefault(entry[2], (entry[0], entry[1], entry[2]))
            if len(found) >= count:
                break
        return list(found.values())[:count]

    def _filed(self, texts: Iterable[Text]) -> Iterator[tuple[list[object], Text]]:
        for entry in texts:
            words = self._rarest(entry[2])
            if self._sizes[_ANY] < _ANY_SIZE:
                words.append(_ANY)
            for word in words:
                yield [word, self._sizes[word]], entry
                self._sizes[word] += 1

    def _rarest(self, text: str) -> list[str]:
        """Return the words of a text that occur least, but elsewhere too."""
        shared = {word for word in _words(text) if self._spread[word] > 1}
        return sorted(shared, key=lambda word: (self._spread[word], word))[:_RAREST]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
