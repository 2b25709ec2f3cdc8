"""JSON of unknown structure, as published files have it.

Numbers keep their value: msgspec, which is nearly as fast as the fastest parsers, does not
round integers beyond 64 bits to floats. What is not JSON but common (NaN, Infinity, lone
surrogates) is accepted by a second parser, and refused by ``dumps``.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

loads_strict = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


_MAX_DEPTH = 200  # of what is written: far below the limit of any parser


class NotFiniteError(ValueError):
    """A value has NaN or Infinity, which JSON cannot express, or an integer like them.

    Such an integer has more digits (4,300) than Python, and not only Python, converts.
    """


class TooDeepError(ValueError):
    """A value is nested too deeply for some parsers."""


def parse_long_int(text: str) -> int | float:
    """Return an integer; one of more digits than Python converts is infinite, as 1e400 is."""
    try:
        return int(text)
    except ValueError:
        return -math.inf if text.startswith("-") else math.inf


def loads(data: bytes | str) -> Any:
    """Return the value of a JSON text; NaN, Infinity and lone surrogates are accepted.

    An integer of more than 4,300 digits is read as Infinity.

    Raises:
        ValueError: not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return loads_strict(data)
    except msgspec.DecodeError:
        pass
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    try:
        return json.loads(data, parse_int=parse_long_int)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def dumps(value: Any, sort_keys: bool = False) -> bytes:
    """Return a value as JSON in UTF-8; a tuple becomes an array, and bytes become base64.

    Raises:
        NotFiniteError: it has NaN, Infinity, or an integer of more than 4,300 digits.
        UnicodeEncodeError: it has a lone surrogate.
        TypeError: it has a type that JSON does not know.
        TooDeepError: it is nested more than 200 levels deep.
    """
    try:
        data = _encode_sorted(value) if sort_keys else _encode(value)
    except RecursionError as error:
        raise TooDeepError("nested too deeply") from error
    except UnicodeEncodeError:  # a ValueError too
        raise
    except ValueError as error:
        raise NotFiniteError("an integer has too many digits") from error
    if data.count(b"[") + data.count(b"{") > _MAX_DEPTH and _is_deeper(value, _MAX_DEPTH):
        raise TooDeepError("nested too deeply")
    # msgspec writes null for a number that is not finite.
    if b"null" in data and not _is_finite(value):
        raise NotFiniteError("NaN and Infinity are not JSON")
    return data


def dumps_loose(value: Any) -> bytes:
    """Return a value as JSON that ``loads`` reads: NaN and lone surrogates are kept."""
    try:
        return dumps(value)
    except (NotFiniteError, UnicodeEncodeError):
        return json.dumps(value).encode()


def _is_deeper(value: Any, depth: int) -> bool:
    if not isinstance(value, (dict, list, tuple)):
        return False
    children = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(child, depth - 1) for child in children)


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    return True
