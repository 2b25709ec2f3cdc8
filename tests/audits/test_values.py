"""Values of query results keep their digits, and nothing becomes null."""

from __future__ import annotations

import datetime
import json
import math
import re
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from m3it_builder.audits.values import json_value, table_value, text_value, unique_names


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "a_2", "a"], ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["a_2", "a", "a", "a"], ["a_2", "a", "a_3", "a_4"]),
        ([], []),
    ],
)
def test_unique_names(columns: list[str], expected: list[str]) -> None:
    assert list(unique_names(columns)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (10**30, 10**30),
        (0.1, 0.1),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal("12345678901234567890.120"), "12345678901234567890.120"),
        (b"\x00\xff", "AP8="),
        (bytearray(b"a"), "YQ=="),
        ([math.nan, [b"a"], (1,)], ["NaN", ["YQ=="], [1]]),
        ({"a": math.inf, 1: 2, None: 3, b"a": 4}, {"a": "Infinity", "1": 2, "": 3, "YQ==": 4}),
        (datetime.date(2024, 2, 29), "2024-02-29"),
        (datetime.timedelta(seconds=1), "0:00:01"),
    ],
)
def test_json_value(value: Any, expected: Any) -> None:
    assert json_value(value) == expected
    assert json.loads(json.dumps(json_value(value), allow_nan=False)) == expected


def test_text_and_table_values() -> None:
    values = [None, "", "a,b", True, 3, 0.5, math.nan, ["é", None], b"\x00"]
    assert [text_value(value) for value in values] == [
        *("", "", "a,b", "true", "3", "0.5", "NaN", '["é", null]', "AA==")
    ]
    assert [table_value(value) for value in values] == [
        *(None, "", "a,b", True, 3, 0.5, "NaN", '["é", null]', "AA==")
    ]


def test_all_types_of_duckdb() -> None:
    """Every value that DuckDB returns has a text, and valid JSON."""
    base = duckdb.connect()
    names = base.execute("SELECT column_name FROM (DESCRIBE FROM test_all_types())").fetchall()
    # Times with a time zone need a library that is not installed.
    listed = ", ".join(f'"{name}"' for (name,) in names if not re.match("timestamp.*tz", name))
    result = base.execute(f"SELECT {listed} FROM test_all_types()")
    columns = [column[0] for column in result.description or ()]
    rows = result.fetchall()
    assert len(columns) > 40
    for row in rows:
        for value in row:
            assert json.dumps(json_value(value), allow_nan=False)
            assert isinstance(text_value(value), str)
            assert (json_value(value) is None) == (value is None)
