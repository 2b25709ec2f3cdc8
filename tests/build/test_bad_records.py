"""One record that cannot be stored is one reject, and the others are rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3it_builder import Record, Reject, Source, Turn
from tests.support import building
from tests.support.building import (
    TEXT_PLAN,
    numbered_task,
    placeholder_sources,
)
from tests.support.verifying import counts, verify


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"meta": {"x": nested(300)}}, "nested_too_deeply"),
        ({"meta": {"x": nested(100_000)}}, "nested_too_deeply"),
        ({"meta": {"x": 10**5_000}}, "number_not_finite"),
        ({"meta": {"x": [-(10**5_000)]}}, "number_not_finite"),
        ({"meta": {"x": 10**4_000}}, None),
        ({"id": ""}, "empty_id"),
    ],
)
def test_one_bad_record_is_one_reject(
    tmp_path: Path, values: dict[str, Any], reason: str | None
) -> None:
    def convert(source: Source) -> Iterator[Record | Reject]:
        for number in range(40):
            record: dict[str, Any] = {"id": str(number)}
            if number == 7:
                record |= values
            yield Record(turns=(Turn(f"{number}?", "yes"),), **record)

    task = replace(numbered_task(40), convert=convert)
    report = building.build(placeholder_sources(tmp_path), tmp_path / "out", TEXT_PLAN, task)
    assert report.rows == (39 if reason else 40)
    assert report.rejects == ({reason: 1} if reason else {})
    assert counts(verify(tmp_path / "out")) == {}


@pytest.mark.parametrize("read", ["json", "items", "jsonl", "item"])
def test_number_of_5000_digits_in_a_file_is_one_reject(tmp_path: Path, read: str) -> None:
    sources = placeholder_sources(tmp_path)
    examples = [b'{"n": %d}' % number for number in range(40)]
    examples[7] = b'{"n": 1' + b"0" * 5_000 + b"}"
    lines = b"\n".join(examples)
    data = lines if read == "jsonl" else b'{"rows": [' + b", ".join(examples) + b"]}"
    (sources / "okvqa-annotations" / "x.json").write_bytes(data)
    name = "okvqa-annotations/x.json"

    def rows(source: Source) -> Any:
        readers: dict[str, Callable[[], Any]] = {
            "json": lambda: source.json(name)["rows"],
            "items": lambda: source.items(name, "rows"),
            "jsonl": lambda: source.jsonl(name),
            "item": lambda: source.item(name, "rows"),
        }
        return readers[read]()

    def convert(source: Source) -> Iterator[Record | Reject]:
        for number, row in enumerate(rows(source)):
            yield Record(id=str(number), turns=(Turn("?", "yes"),), meta=row)

    task = replace(numbered_task(40), convert=convert)
    report = building.build(sources, tmp_path / "out", TEXT_PLAN, task)
    assert (report.rows, report.rejects) == (39, {"number_not_finite": 1})
