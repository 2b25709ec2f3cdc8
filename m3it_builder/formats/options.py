"""Choices between options, sampled by a key, so that no row depends on its neighbors."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from m3it_builder.records import Turn


def seeded(*key: object) -> random.Random:
    """Return a random generator that depends on the key alone: task and record id, for instance."""
    digest = blake2b("/".join(map(str, key)).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest))  # noqa: S311 - nothing secret


def distractors(rng: random.Random, pool: Sequence[str], gold: str, count: int) -> list[str]:
    """Return up to ``count`` distinct texts of a pool other than the gold one."""
    sample = rng.sample(pool, min(len(pool), count + 1))
    return [text for text in sample if text != gold][:count]


def shuffled(rng: random.Random, gold: str, others: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Return the gold option and the others in random order, and the index of the gold one."""
    choices = [gold, *others]
    rng.shuffle(choices)
    return tuple(choices), choices.index(gold)


def choice_turn(rng: random.Random, gold: str, others: Iterable[str]) -> Turn:
    """Return a multiple-choice turn in random order; its question is the image alone."""
    choices, index = shuffled(rng, gold, others)
    return Turn("", gold, choices, index)
