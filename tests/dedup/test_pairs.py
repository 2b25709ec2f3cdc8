"""Pairs of rows: what counts as one."""

from __future__ import annotations

from pathlib import Path

from tests.support.duplicates import (
    Row,
    build_tasks,
    compare,
    encode,
    make_task,
    scene,
    shared_counts,
)


def test_images_of_one_row_are_not_a_pair(tmp_path: Path) -> None:
    """Frames of one video are near-duplicates, but no second row is involved."""
    frames = tuple(encode(scene(5), quality=90 - 10 * n) for n in range(3))
    task = make_task(tmp_path / "src", "frames", train=[Row("film", frames)])
    build = build_tasks(tmp_path, [task])
    assert shared_counts(compare(tmp_path, build)) == {}
