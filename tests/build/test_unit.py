"""Units: one build at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.build.unit import Unit
from m3it_builder.errors import BuildError
from tests.support.building import build


def test_two_builds_of_one_unit_at_once(sample: Path, tmp_path: Path) -> None:
    with (
        Unit("okvqa", "train", tmp_path).locked(),
        pytest.raises(BuildError, match="another process is building okvqa/train"),
    ):
        build(sample, tmp_path)
    assert build(sample, tmp_path).status == "built"
