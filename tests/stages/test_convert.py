"""Converting: damaged texts become rejects, wrong structures name file and record."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.errors import ConvertError
from m3it_builder.stages.convert import convert
from m3it_builder.tasks.opening import open_source
from tests.support.building import (
    ANNOTATIONS,
    TEXT_PLAN,
    build,
    numbered_task,
    placeholder_sources,
)
from tests.support.paths import FIXTURES


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (Record(id="a\ud800", turns=(Turn("q", "a"),)), "damaged_text"),
        (Record(id="1", turns=(Turn("q", "a\0"),)), "damaged_text"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": "\udfff"}), "damaged_text"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": [float("nan")]}), "number_not_finite"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": float("-inf")}), "number_not_finite"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": nested(201)}), "nested_too_deeply"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": nested(90_000)}), "nested_too_deeply"),
        (Record(id="", turns=(Turn("q", "a"),)), "empty_id"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": 1j}), "is not JSON"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={1: "x"}), "is not JSON"),  # type: ignore[dict-item]
        (
            Record(id="1", turns=(Turn("q", "a"),), meta={"x": [{"y": {"b", "a"}}]}),
            r"record '1' with meta\['x'\]\[0\]\['y'\], which is not JSON \(a value of type set\)",
        ),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": b"raw"}), "is not JSON"),
        (Record(id=7, turns=(Turn("q", "a"),)), "is not a string"),  # type: ignore[arg-type]
    ],
)
def test_records_that_cannot_be_stored(tmp_path: Path, record: Record, outcome: str) -> None:
    valid = Record(id="valid", turns=(Turn("q", "a"),), meta={"x": 10**30, "y": nested(198)})
    task = replace(numbered_task(1), convert=lambda _: iter([record, valid]))
    sources, plan = placeholder_sources(tmp_path), replace(TEXT_PLAN, max_reject_share=1.0)
    if " " not in outcome:
        report = build(sources, tmp_path / "out", plan, task)
        assert (report.rows, report.rejects) == (1, {outcome: 1})
    else:
        with pytest.raises(ConvertError, match=f"numbers/train: the converter yielded .*{outcome}"):
            build(sources, tmp_path / "out", plan, task)


def test_unexpected_structure_names_file_and_record(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    shutil.copytree(FIXTURES / "okvqa" / "source", sources)
    path = sources / ANNOTATIONS
    value = json.loads(path.read_text())
    del value["annotations"][1]["answers"]
    path.write_text(json.dumps(value))
    with pytest.raises(
        ConvertError, match=r"annotations\.json \(record 2 of annotations\).*answers"
    ) as caught:
        build(sources, tmp_path / "out")
    assert "does not have the structure the converter expects (KeyError" in str(caught.value)


def test_other_errors_are_bugs(tmp_path: Path) -> None:
    def divide(_: Source) -> Iterator[Record | Reject]:
        raise ZeroDivisionError

    task = replace(numbered_task(1), convert=divide)
    with pytest.raises(ZeroDivisionError):
        build(placeholder_sources(tmp_path), tmp_path, TEXT_PLAN, task)


def test_rejects_of_a_withheld_split(tmp_path: Path) -> None:
    """Records become rejects; rejects of the converter keep their reason."""

    def some(_: Source) -> Iterator[Record | Reject]:
        yield Record(id="1", turns=(Turn("q", ""),))
        yield Reject("2", "no_question")

    task = replace(numbered_task(2, train={"answers": "withheld"}), convert=some)
    source = open_source(task, "train", placeholder_sources(tmp_path))
    rejects: list[tuple[str, str, str]] = []
    records = convert(task, source, lambda stage, r: rejects.append((stage, r.id, r.reason)))
    assert list(records) == []
    assert rejects == [("convert", "1", "answer_withheld"), ("convert", "2", "no_question")]
