"""adopt-report.json and adopt-report.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m3it_builder.adopt.report import NAMES, write_reports
from m3it_builder.errors import Failure, SourceError
from tests.support.adoption import adopt_all


def test_unit_report(download: Path, adopted: Path) -> None:
    report = adopt_all(download, adopted)["coco/train"]
    assert (report.published, report.images, report.distinct_images) == (566_747, 24, 24)
    assert report.fields == {
        "image_str": {"images": 24},
        "outputs": {"outputs": 24},
        "image_id": {"meta": 24},
    }
    assert sum(one.rows for one in report.instructions) == 24
    assert report.instructed == 0
    assert report.license == "CC-BY-4.0"


def test_reports_keep_units_of_earlier_runs(download: Path, adopted: Path, tmp_path: Path) -> None:
    units = adopt_all(download, tmp_path, "coco", "vist")
    first = [unit for unit in units.values() if unit.task == "coco"]
    second = [unit for unit in units.values() if unit.task == "vist"]
    write_reports(tmp_path, first, [Failure("gqa/train", SourceError("a|b: lost"))], ["x.jsonl"])
    text = (tmp_path / NAMES[1]).read_text()
    assert "- `gqa/train`: a\\|b: lost" in text
    assert "- `x.jsonl`" in text
    write_reports(tmp_path, second, [], [])
    report = json.loads((tmp_path / NAMES[0]).read_text())
    names = [f"{unit['task']}/{unit['split']}" for unit in report["units"]]
    assert names == ["coco/train", "coco/validation", "coco/test", "vist/train", "vist/validation"]
    assert report["failures"] == report["unread"] == []
    text = (tmp_path / NAMES[1]).read_text()
    assert "## coco/train" in text
    assert "| `image_str` | images | 24 |" in text
    assert "lost" not in text


@pytest.mark.parametrize("content", ["", "[]", '{"units": [{"task": "coco", "split": "dev"}]}'])
def test_a_malformed_earlier_report_is_replaced(
    download: Path, tmp_path: Path, content: str
) -> None:
    units = adopt_all(download, tmp_path, "mocheg")
    (tmp_path / NAMES[0]).write_text(content)
    write_reports(tmp_path, units.values(), [], [])
    report = json.loads((tmp_path / NAMES[0]).read_text())
    assert [unit["task"] for unit in report["units"]] == ["mocheg"]
