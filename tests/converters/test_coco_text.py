"""COCO-Text: version 2 is not read as version 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from m3it_builder.tasks.sampling import write_sample
from tests.support.conversion import convert


def test_version_2_is_not_read_as_version_1(tmp_path: Path) -> None:
    """Version 2 has different instances; the error names the missing file."""
    task = load_task("coco-text")
    write_sample(task, tmp_path, 2)
    folder = tmp_path / "coco-text-v1"
    (folder / "COCO_Text.json").rename(folder / "cocotext.v2.json")
    with pytest.raises(SourceError, match=r"COCO_Text\.json is missing"):
        convert(task, "train", tmp_path)
