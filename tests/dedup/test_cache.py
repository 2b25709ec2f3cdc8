"""Hashes are cached beside the build, so that no image is decoded twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from m3it_builder.dedup import hash_images
from m3it_builder.dedup.cache import cached_files, merge_parts, write_part
from m3it_builder.tasks.registry import Task
from tests.support.duplicates import build_tasks, compare

HASH = {"digest": "d0", "coarse": 1, "fine": b"f" * 32, "thumb": b"t" * 192, "flat": False}


def test_second_run_decodes_no_image(
    tmp_path: Path, planted_tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = build_tasks(tmp_path, planted_tasks)
    first = compare(tmp_path, build)
    monkeypatch.setattr(hash_images, "perceptual_hash", None)
    second = compare(tmp_path, build)
    assert second["images"]["decoded"] == 0
    assert second["images"]["cached"] == first["images"]["decoded"] == 34
    assert second["shared"] == first["shared"]
    monkeypatch.undo()
    monkeypatch.setattr("m3it_builder.dedup.cache._STEM", "hashes-of-another-version")
    assert compare(tmp_path, build)["images"]["decoded"] == 34


def test_interrupted_run_is_resumed(
    tmp_path: Path, planted_tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = build_tasks(tmp_path, planted_tasks)
    monkeypatch.setattr(hash_images, "_JOB_IMAGES", 8)
    jobs = 0
    hash_job = getattr(hash_images, "_hash")

    def interrupt_third(job: Any) -> Any:
        nonlocal jobs
        jobs += 1
        if jobs == 3:
            raise KeyboardInterrupt
        return hash_job(job)

    with monkeypatch.context() as patch:
        patch.setattr(hash_images, "_hash", interrupt_third)
        with pytest.raises(KeyboardInterrupt):
            compare(tmp_path, build)
    assert list((tmp_path / "report").iterdir()) == [], "nothing looks finished"
    assert compare(tmp_path, build)["images"]["cached"] == 16


def test_hashes_of_a_read_only_build_are_cached_in_the_report_folder(
    tmp_path: Path, planted_tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = build_tasks(tmp_path, planted_tasks)
    monkeypatch.setattr("os.access", lambda path, _: not Path(path).is_relative_to(build))
    before = sorted(build.rglob("*"))
    compare(tmp_path, build)
    assert compare(tmp_path, build)["images"]["decoded"] == 0
    assert sorted(build.rglob("*")) == before


def test_truncated_file_is_ignored(tmp_path: Path) -> None:
    write_part(tmp_path, "00000-000000000", [HASH])
    write_part(tmp_path, "00001-000000000", [HASH])
    first, second = cached_files(tmp_path)
    first.write_bytes(first.read_bytes()[:-10])
    assert cached_files(tmp_path) == [second]
    merge_parts(tmp_path)
    (merged,) = cached_files(tmp_path)
    assert merged.parent == tmp_path
