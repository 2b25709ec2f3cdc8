"""Parsing JSON lines without parsing their base64."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3it_builder.adopt.json_spans import Span, parse, resolve_spans
from m3it_builder.sources.base64_span import decode_span
from tests.support.json_strategies import DUMPS, KEYS, VALUES


@settings(max_examples=400, deadline=None)
@given(VALUES, DUMPS)
def test_agrees_with_a_json_parser(value: Any, dump: Any) -> None:
    line = dump(value)
    assert resolve_spans(line, parse(line)) == json.loads(line)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.lists(st.binary(min_size=1, max_size=300), max_size=4),
    DUMPS,
)
def test_spans_decode_to_the_images(others: dict[str, Any], images: list[bytes], dump: Any) -> None:
    """In any spelling of a row, and beside any other keys."""
    row = {**others, "image_base64_str": [base64.b64encode(data).decode() for data in images]}
    line = dump(row)
    parsed = parse(line)
    assert isinstance(parsed, dict)
    spans = parsed["image_base64_str"]
    assert isinstance(spans, list)
    decoded = []
    for span in spans:
        assert isinstance(span, Span)
        decoded.append(decode_span(line[span.start : span.end]))
    assert decoded == images == [base64.b64decode(text) for text in row["image_base64_str"]]


@settings(max_examples=200, deadline=None)
@given(VALUES, st.data())
def test_corrupt_lines_are_rejected_or_parsed_correctly(value: Any, data: st.DataObject) -> None:
    """A line that is not JSON raises ValueError, never another exception."""
    line = bytearray(json.dumps(value).encode())
    start = data.draw(st.integers(0, len(line) - 1))
    line[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=2))
    try:
        expected = json.loads(line.decode())
    except ValueError:
        with pytest.raises(ValueError):
            resolve_spans(bytes(line), parse(bytes(line)))
    else:
        assert repr(resolve_spans(bytes(line), parse(bytes(line)))) == repr(expected)
