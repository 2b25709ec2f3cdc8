"""The streaming join agrees with a plain dictionary, in flat memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import m3it_builder.sources.lookup as module
from m3it_builder.sources.join import join

keys = st.one_of(st.integers(0, 30), st.sampled_from(["1", "2", "a", "é"]))


@given(st.lists(keys, unique=True), st.lists(keys, unique=True), st.integers(0, 4))
def test_agrees_with_a_dictionary(left: list[Any], right: list[Any], in_memory: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "IN_MEMORY", in_memory)  # so that small inputs spill too
        rows = list(join([{"k": k} for k in left], [{"k": k, "r": 1} for k in right], "k"))
    pairs = [(a["k"], b) for a, b in rows if a is not None]
    assert [key for key, _ in pairs] == left
    for key, partner in pairs:
        assert (partner is not None) == (key in right)
        assert partner is None or partner["k"] == key
    assert [b["k"] for a, b in rows if a is None and b is not None] == [
        k for k in right if k not in left
    ]


def test_number_and_string_are_different_keys() -> None:
    rows = list(join([{"k": 7}], [{"k": "7"}], "k"))
    assert rows == [({"k": 7}, None), (None, {"k": "7"})]


def test_repeated_key_is_joined_one_to_one() -> None:
    rows = list(join([{"k": 1}, {"k": 1}], [{"k": 1, "n": 1}, {"k": 1, "n": 2}], "k"))
    assert [b and b["n"] for _, b in rows] == [1, 2]


def test_every_unmatched_right_row_is_yielded() -> None:
    right = [{"k": 1, "n": 1}, {"k": 1, "n": 2}, {"k": 2, "n": 3}]
    rows = list(join([{"k": 2}], right, "k"))
    assert [b and b["n"] for _, b in rows] == [3, 1, 2]


@pytest.mark.parametrize("order", ["same", "reversed", "one missing"])
def test_memory_is_flat(order: str) -> None:
    count = 60_000
    numbers = list(range(count))

    def right() -> Iterator[dict[str, Any]]:
        ordered = numbers[::-1] if order == "reversed" else numbers
        skip = 1 if order == "one missing" else -1
        return ({"k": n, "text": f"{n:0200d}"} for n in ordered if n != skip)

    tracemalloc.start()
    matched = sum(b is not None for _, b in join(({"k": n} for n in numbers), right(), "k"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert matched == count - (order == "one missing")
    assert peak < 12e6, "a dictionary of the right side needs more than 30 MB"
