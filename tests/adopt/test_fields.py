"""Unified fields of rows with any keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from m3it_builder.adopt.fields import MalformedRowError, RowFields, unify
from m3it_builder.adopt.json_spans import parse
from tests.support.json_strategies import VALUES


def unified(row: Any) -> RowFields:
    line = json.dumps(row).encode()
    return unify(line, parse(line))


def test_a_second_image_key_is_not_metadata() -> None:
    row = {"image_str": "A" * 5_000, "image_base64_str": ["B" * 5_000], "img": "name.jpg"}
    fields = unified({**row, "outputs": "x", "long": "y" * 70_000, "kept": "z" * 5_000})
    assert len(fields.images) == 1
    assert fields.meta == {"img": "name.jpg", "kept": "z" * 5_000}
    assert fields.roles["image_str"] == fields.roles["long"] == "left out, too long"


def test_long_integers_are_not_rounded() -> None:
    fields = unified({"outputs": "x", "id": 9_007_199_254_740_993, "more": 12345678901234567890})
    assert fields.meta == {"id": 9_007_199_254_740_993, "more": 12345678901234567890}


def test_nan_is_accepted() -> None:
    line = b'{"answer": 1, "score": NaN}'
    assert unify(line, parse(line)).outputs == "1"


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": ' * 100_000,
        b'{"a": "x\\',
        b'"' * 1_001,
        '{"inputs": "x"}'.encode("utf-16"),
        b'{"inputs": "\xff"} {}',
        b"",
        b"\0",
        b'{"a": "x" "b"}',
        b'["x": "y"]',
    ],
)
def test_malformed_lines_are_rejected(line: bytes) -> None:
    with pytest.raises((ValueError, MalformedRowError)):
        unify(line, parse(line))


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        (["a"], "expected an object, found an array"),
        ({"image": {"a": 1}}, "image: expected a base64 string, found an object"),
        ({"meta": {"images": [True]}}, "meta.images: expected a base64 string, found a boolean"),
        ({"question": [{}]}, "question: expected a string, found an object"),
    ],
)
def test_rejects_name_key_and_type(row: Any, detail: str) -> None:
    with pytest.raises(MalformedRowError) as error:
        unified(row)
    assert error.value.detail == detail


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_row_is_unified_or_rejected(value: Any) -> None:
    try:
        fields = unified(value)
    except MalformedRowError as error:
        assert error.reason in ("not_an_object", "odd_field", "damaged_text")
    else:
        assert set(fields.roles) >= set(value) - {"meta"}
        json.dumps(fields.meta)
