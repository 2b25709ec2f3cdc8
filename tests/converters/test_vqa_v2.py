"""VQA v2: version 1 is not read as version 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from m3it_builder.tasks.sampling import write_sample
from tests.support.conversion import convert


def test_version_1_is_not_read_as_version_2(tmp_path: Path) -> None:
    """Version 1 has the same structure and file names without the prefix ``v2_``."""
    task = load_task("vqa-v2")
    write_sample(task, tmp_path, 2)
    for file in (tmp_path / "vqa-v2-annotations").iterdir():
        file.rename(file.with_name(file.name.removeprefix("v2_")))
    with pytest.raises(SourceError, match=r"v2_OpenEnded_mscoco_train2014_questions\.json"):
        convert(task, "train", tmp_path)
