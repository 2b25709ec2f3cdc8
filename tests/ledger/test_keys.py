"""Equal requests have equal keys, and different ones do not."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.ledger.entries import is_key
from m3it_builder.ledger.keys import request_key
from m3it_builder.storage.json_values import dumps

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.dictionaries(TEXT, VALUES, min_size=1, max_size=5)


def shuffled(value: Any, generator: random.Random) -> Any:
    """Return a copy with the keys of all objects in another order."""
    if isinstance(value, dict):
        items = list(value.items())
        generator.shuffle(items)
        return {name: shuffled(inner, generator) for name, inner in items}
    return [shuffled(inner, generator) for inner in value] if isinstance(value, list) else value


def leaves(value: Any) -> list[tuple[Any, Any]]:
    """Return (container, key or index) of every value."""
    items = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    found = [(value, name) for name, _ in items]
    for _, inner in items:
        found += leaves(inner)
    return found


@given(REQUESTS, st.randoms(use_true_random=False))
def test_order_of_keys_does_not_matter(request: dict[str, Any], generator: random.Random) -> None:
    assert request_key(shuffled(request, generator)) == request_key(request)


@given(REQUESTS, SCALARS, st.randoms(use_true_random=False))
def test_any_changed_value_matters(
    request: dict[str, Any], other: Any, generator: random.Random
) -> None:
    changed = copy.deepcopy(request)
    container, name = generator.choice(leaves(changed))
    before = container[name]
    container[name] = other
    is_same = dumps(before, sort_keys=True) == dumps(other, sort_keys=True)
    assert (request_key(changed) == request_key(request)) == is_same


@given(REQUESTS, REQUESTS)
def test_keys_differ_as_requests_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    is_same = dumps(one, sort_keys=True) == dumps(other, sort_keys=True)
    assert (request_key(one) == request_key(other)) == is_same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0, False),
        ("1", 1),
        (None, ""),
        ([], {}),
        ([1, 2], [2, 1]),
        ("é", "e\u0301"),
    ],
)
def test_similar_values_differ(one: Any, other: Any) -> None:
    assert request_key({"seed": one}) != request_key({"seed": other})


def test_key_is_stable() -> None:
    """Keys are in ledgers and exports: they must never change."""
    request = {
        "model": "gpt-example",
        "messages": [{"role": "user", "content": "图中有什么？"}],
        "temperature": 0.7,
    }
    assert is_key(request_key(request))
    assert request_key(request) == STABLE


STABLE = "1b4753abea0547ef2739c2f9956617d3b9f4820c868d42a0da1ef30ea13c7b34"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object()])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        request_key({"value": value})
