"""The lists of ``words.yaml``, by name."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.cards.strict_yaml import Strict, read_card


class Lists(Strict):
    """Words, phrases and limits of the acceptance rules, as written in the file."""

    limits: dict[str, tuple[int, int, int]]
    words: dict[str, str]
    phrases: dict[str, str]
    pairs: dict[str, str]


def words(name: str) -> frozenset[str]:
    """Return a list of single words."""
    return frozenset(_lists().words[name].split())


def phrases(name: str) -> tuple[str, ...]:
    """Return a list of phrases, the longest first."""
    return tuple(sorted(_lists().phrases[name].splitlines(), key=lambda text: (-len(text), text)))


def pairs(name: str) -> dict[str, str]:
    """Return a mapping between words."""
    return dict(entry.split("=", 1) for entry in _lists().pairs[name].split())


def numbers(name: str) -> dict[str, int]:
    """Return a mapping from words to integers."""
    return {word: int(value) for word, value in pairs(name).items()}


def limit(name: str) -> tuple[int, int, int]:
    """Return the base of a length limit, and its growth per unit of question and answer."""
    return _lists().limits[name]


def _lists() -> Lists:
    return read_card(Path(__file__).with_name("words.yaml"), Lists)
