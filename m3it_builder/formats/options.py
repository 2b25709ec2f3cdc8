"""Choices between options: drawn by a key, so that a row never depends on its neighbours."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from m3it_builder.records import Turn


def seeded(*key: object) -> random.Random:
    """Return a generator that depends on the key alone: the task and the record's id, say."""
    digest = blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest))  # noqa: S311 - nothing secret is drawn


def draw(dice: random.Random, pool: Sequence[str], gold: str, count: int) -> list[str]:
    """Return up to ``count`` texts of a pool without repeats, none of them the gold one."""
    drawn = dice.sample(pool, min(len(pool), count + 1))
    return [text for text in drawn if text != gold][:count]


def shuffled(dice: random.Random, gold: str, others: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Return the options in a drawn order, the gold one always among them, and its place."""
    choices = [gold, *others]
    dice.shuffle(choices)
    return tuple(choices), choices.index(gold)


def choice(dice: random.Random, gold: str, others: Iterable[str]) -> Turn:
    """Return a turn whose question is the image: pick the gold option of those in drawn order."""
    choices, place = shuffled(dice, gold, others)
    return Turn("", gold, choices, place)
