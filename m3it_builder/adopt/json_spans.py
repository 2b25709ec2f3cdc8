"""Parse JSON lines that contain megabytes of base64 without parsing the base64.

Every string value is cut out of the line and represented by its span; the remaining
skeleton is small and goes through a JSON parser. Strings are located by searching
for quotes alone, which runs at memory bandwidth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from m3it_builder.sources.base64_span import json_text
from m3it_builder.storage.json_values import loads

if TYPE_CHECKING:
    from pydantic import JsonValue

_COLON = re.compile(rb"[ \t\r\n]*:")
_BACKSLASH = 0x5C


@dataclass(frozen=True, slots=True)
class Span:
    """A string value: the bytes between its quotes, ``line[start:end]``."""

    start: int
    end: int


# A JSON value with spans instead of string values; keys are plain strings.
SpannedValue: TypeAlias = (
    "Span | bool | int | float | list[SpannedValue] | dict[str, SpannedValue] | None"
)


def parse(line: bytes) -> SpannedValue:
    """Return the JSON value of a line, with a ``Span`` forevery string value.

    Strings are not decoded here: invalid UTF-8 or an invalid escape is reported
    when the string is read with ``string_at``.

    Raises:
        ValueError: the line is not exactly one JSON value.
    """
    pieces: list[bytes] = []
    spans: list[Span] = []
    copied = 0
    quote = line.find(b'"')
    while quote >= 0:
        end = _closing_quote(line, quote + 1)
        if not _COLON.match(line, end + 1):
            pieces += (line[copied:quote], b'"%d"' % len(spans))
            spans.append(Span(quote + 1, end))
            copied = end + 1
        quote = line.find(b'"', end + 1)
    pieces.append(line[copied:])
    try:
        return _insert_spans(_parse_skeleton(b"".join(pieces)), spans)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def string_at(line: bytes, span: Span) -> str:
    """Return the decoded string of a span.

    Raises:
        ValueError: invalid UTF-8 or an invalid escape.
    """
    return json_text(line[span.start : span.end])


def resolve_spans(line: bytes, value: SpannedValue) -> JsonValue:
    """Return a value with every span replaced by its string.

    Raises:
        ValueError: a string has invalid UTF-8 or an invalid escape.
    """
    if isinstance(value, Span):
        return string_at(line, value)
    if isinstance(value, list):
        return [resolve_spans(line, item) for item in value]
    if isinstance(value, dict):
        return {key: resolve_spans(line, item) for key, item in value.items()}
    return value


def _closing_quote(line: bytes, start: int) -> int:
    """Return the index of the quote that closes the string beginning at ``start``."""
    end = line.find(b'"', start)
    while end > start and line[end - 1] == _BACKSLASH and _is_escaped(line, start, end):
        end = line.find(b'"', end + 1)
    if end < 0:
        raise ValueError("unterminated string; the line is truncated")
    return end


def _is_escaped(line: bytes, start: int, end: int) -> bool:
    first = end
    while first > start and line[first - 1] == _BACKSLASH:
        first -= 1
    return bool((end - first) % 2)


def _parse_skeleton(skeleton: bytes) -> JsonValue:
    value: JsonValue = loads(skeleton)
    return value


def _insert_spans(value: JsonValue, spans: list[Span]) -> SpannedValue:
    if isinstance(value, str):
        return spans[int(value)]
    if isinstance(value, list):
        return [_insert_spans(item, spans) for item in value]
    if isinstance(value, dict):
        return {key: _insert_spans(item, spans) for key, item in value.items()}
    return value
