"""iVQA: the seconds of a clip, as tables that passed through a spreadsheet write them."""

from __future__ import annotations

import shutil
from pathlib import Path

from m3it_builder import load_task
from tests.support.conversion import convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "ivqa" / "source"


def test_seconds_with_a_decimal_point(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "source")
    path = tmp_path / "source" / "ivqa-annotations" / "test.csv"
    path.write_text(path.read_text().replace(",20,30,", ",20.0,30.0,"))
    rows, rejects = convert(load_task("ivqa"), "test", tmp_path / "source")
    assert [(row.record.id, row.record.meta["seconds"]) for row in rows] == [
        ("clip0200000_20_30", [20, 30])
    ]
    assert not rejects
