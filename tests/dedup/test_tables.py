"""Units of several builds are loaded into one database."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import BuildError
from m3it_builder.tasks.registry import Task
from tests.support.duplicates import build_tasks, compare, drop_reasons, shared_counts


def test_builds_of_the_same_unit_are_distinguished(
    tmp_path: Path, planted_tasks: list[Task]
) -> None:
    one = build_tasks(tmp_path, planted_tasks[:1], "one-build")
    two = build_tasks(tmp_path, planted_tasks, "other-build")
    report = compare(tmp_path, one, two)
    names = {unit["unit"] for unit in report["units"]}
    assert names == {f"{one}: one/train", f"{two}: one/train", "two/validation"}
    pair = f"{one}: one/train", f"{two}: one/train", "exact"
    assert shared_counts(report)[pair] == (30, 34, 34)
    assert len(drop_reasons(tmp_path)) == 8, "an id is listed once"


def test_builds_that_cannot_be_compared(tmp_path: Path, planted_tasks: list[Task]) -> None:
    build = build_tasks(tmp_path, planted_tasks)
    with pytest.raises(BuildError, match="is given twice; name each build once"):
        compare(tmp_path, build, build / "one")
    with pytest.raises(BuildError, match="no finished build"):
        compare(tmp_path, tmp_path / "src")
    (unit,) = manifests(build / "one")
    (build / "one" / unit.index.path).write_bytes(b"nonsense")
    with pytest.raises(BuildError, match=r"index is corrupt .*; rebuild one/train with --rep"):
        compare(tmp_path, build)
