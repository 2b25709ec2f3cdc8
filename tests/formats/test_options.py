"""Choices: distinct, with the gold option at an evenly distributed index."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.formats.options import distractors, seeded, shuffled


@given(st.integers(2, 40), st.integers(1, 30), st.integers())
def test_options_include_the_gold_one_and_are_distinct(size: int, count: int, key: int) -> None:
    pool = [f"class {n}" for n in range(size)]
    gold = pool[key % size]
    rng = seeded("task", key)
    choices, index = shuffled(rng, gold, distractors(rng, pool, gold, count))
    assert choices[index] == gold
    assert len(set(choices)) == len(choices) == min(size, count + 1)
    again = seeded("task", key)
    assert shuffled(again, gold, distractors(again, pool, gold, count)) == (choices, index)


def test_indices_of_the_gold_option_are_uniform() -> None:
    indices: Counter[int] = Counter()
    pool = ["a", "b", "c", "gold"]
    for key in range(4_000):
        rng = seeded("task", key)
        indices[shuffled(rng, "gold", distractors(rng, pool, "gold", 3))[1]] += 1
    assert all(850 < count < 1_150 for count in indices.values())
