"""Values of query results as text and JSON, without loss and without null for what is not null.

JSON has no NaN, no infinity, no bytes and no decimals: the first two become the strings ``NaN``,
``Infinity`` and ``-Infinity``, BLOBs become base64, and decimals become strings of their digits.
Integers of any size stay numbers; dates, times, UUIDs and all else become text.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from typing import Any


def unique_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Return column names without repetition: of ``a, a``, the second one becomes ``a_2``."""
    taken = set(columns)
    names: list[str] = []
    for column in columns:
        name, number = column, 1
        while name in names or (number > 1 and name in taken):
            number += 1
            name = f"{column}_{number}"
        names.append(name)
    return tuple(names)


def json_value(value: Any) -> Any:
    """Return a value as ``json.dumps`` takes it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, dict):
        return {_key(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return str(value)


def text_value(value: Any) -> str:
    """Return a value as the text of a CSV cell; null is empty, nested values are JSON."""
    plain = json_value(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def table_value(value: Any) -> Any:
    """Return a value as a table shows it: numbers and booleans as such, all else as text."""
    if value is None or isinstance(value, bool | int):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else text_value(value)


def _not_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _key(key: Any) -> str:
    """Return the key of a MAP, which may be of any type."""
    return text_value(key)
