"""JSON lines with megabytes of base64 in them, parsed without touching the base64.

Every string that is a value is cut out of the line and known by where it lies;
what remains is small and goes through a JSON parser. Finding the strings takes
nothing but searches for quotes, which run at the speed of memory.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

from m3it_builder.sources.base64_span import json_text

_COLON = re.compile(rb"[ \t\r\n]*:")
_LONG_NUMBER = re.compile(rb"\d{19}")
_BACKSLASH = 0x5C


@dataclass(frozen=True, slots=True)
class Span:
    """A string value: the bytes between its quotes, ``line[start:end]``."""

    start: int
    end: int


def parse(line: bytes) -> Any:
    """Return the JSON value of a line with a ``Span`` for every string that is a value.

    Keys are plain strings. Strings are not looked into: one that is not UTF-8, or
    has a wrong escape, shows when it is read with ``text``.

    Raises:
        ValueError: the line is not one JSON value.
    """
    pieces: list[bytes] = []
    spans: list[Span] = []
    done = 0
    quote = line.find(b'"')
    while quote >= 0:
        end = _closing(line, quote + 1)
        if not _COLON.match(line, end + 1):
            pieces += (line[done:quote], b'"%d"' % len(spans))
            spans.append(Span(quote + 1, end))
            done = end + 1
        quote = line.find(b'"', end + 1)
    pieces.append(line[done:])
    try:
        return _placed(_loads(b"".join(pieces)), spans)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def text(line: bytes, span: Span) -> str:
    """Return the text of a string value.

    Raises:
        ValueError: it is not UTF-8, or has a wrong escape.
    """
    return json_text(line[span.start : span.end])


def plain(line: bytes, value: Any) -> Any:
    """Return a value with texts in the place of spans.

    Raises:
        ValueError: a string is not UTF-8, or has a wrong escape.
    """
    if isinstance(value, Span):
        return text(line, value)
    if isinstance(value, list):
        return [plain(line, item) for item in value]
    if isinstance(value, dict):
        return {key: plain(line, item) for key, item in value.items()}
    return value


def _closing(line: bytes, start: int) -> int:
    """Return where the quote stands that ends the string beginning at ``start``."""
    end = line.find(b'"', start)
    while end > start and line[end - 1] == _BACKSLASH and _is_escaped(line, start, end):
        end = line.find(b'"', end + 1)
    if end < 0:
        raise ValueError("a string does not end; the line is cut short")
    return end


def _is_escaped(line: bytes, start: int, end: int) -> bool:
    first = end
    while first > start and line[first - 1] == _BACKSLASH:
        first -= 1
    return bool((end - first) % 2)


def _loads(skeleton: bytes) -> Any:
    if not _LONG_NUMBER.search(skeleton):
        try:
            return orjson.loads(skeleton)
        except ValueError:
            pass
    # Takes NaN and Infinity, which Python writes, and rounds no long whole number.
    return json.loads(skeleton.decode())


def _placed(value: Any, spans: list[Span]) -> Any:
    if isinstance(value, str):
        return spans[int(value)]
    if isinstance(value, list):
        return [_placed(item, spans) for item in value]
    if isinstance(value, dict):
        return {key: _placed(item, spans) for key, item in value.items()}
    return value
