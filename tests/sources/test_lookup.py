"""``Lookup`` behaves like a dictionary of lists, in memory and on disk."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import m3it_builder.sources.lookup as module
from m3it_builder.sources.lookup import Lookup

entries: Any = st.lists(
    st.tuples(st.one_of(st.integers(0, 9), st.sampled_from("abc")), st.integers(-(2**62), 2**62)),
    max_size=40,
)


@given(entries, st.integers(0, 5))
def test_agrees_with_a_dictionary(pairs: list[tuple[Any, int]], in_memory: int) -> None:
    expected: dict[Any, list[int]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "IN_MEMORY", in_memory)
        table: Lookup[int] = Lookup()
        for key, value in pairs:
            table.put(key, value)
            expected.setdefault(key, []).append(value)
        assert [(key, values) for key, values in table.groups()] == list(expected.items())
        for key, values in expected.items():
            assert table.all(key) == values
            assert table[key] == table.get(key) == values[0]
            assert [table.take(key) for _ in values] == values
            assert table.take(key) is None
        assert table.get("absent") is None
        with pytest.raises(KeyError):
            table["absent"]


@pytest.mark.parametrize("in_memory", [0, 100])
def test_values_are_the_same_from_memory_and_from_disk(
    monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", in_memory)
    table: Lookup[Any] = Lookup([(7, ("a", 1)), ("7", {"b": None}), ([1, "x"], 2.5)])
    assert (table[7], table["7"], table[[1, "x"]]) == (["a", 1], {"b": None}, 2.5)
    assert table[(1, "x")] == 2.5, "a tuple is the same key as a list"
    assert [key for key, _ in table.groups()] == [7, "7", [1, "x"]]


def test_values_taken_are_not_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_MEMORY", 2)
    table: Lookup[int] = Lookup([("a", 1), ("b", 2), ("a", 3), ("c", 4)])
    assert (table.take("a"), table.take("b")) == (1, 2)
    assert list(table.groups()) == [("a", [3]), ("c", [4])]


def test_no_file_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "IN_MEMORY", 2)
    table: Lookup[int] = Lookup((n, n) for n in range(100))
    assert list(tmp_path.iterdir()) == [], "the file is unlinked while in use"
    assert table[99] == 99
    del table
    gc.collect()
    assert list(tmp_path.iterdir()) == []
