"""Sample sources are written once, and again if their parameters change."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.progress import Silent, Unit
from m3it_builder.tasks.sampling import sample_folder, write_once, write_sample
from tests.support.paths import tree


def stats(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_unchanged_files_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = load_task("okvqa")
    folder = write_once(task, tmp_path, 3)
    before = stats(folder)
    assert write_once(task, tmp_path, 3) == folder
    assert stats(folder) == before
    write_once(task, tmp_path, 4)
    assert stats(folder) != before
    larger = stats(folder)
    monkeypatch.setattr("m3it_builder.version.__version__", "99")
    write_once(task, tmp_path, 4)
    assert stats(folder) != larger, "another version may write other files"


def test_variants_share_a_sample(tmp_path: Path) -> None:
    folders = {write_once(load_task(name), tmp_path, 3) for name in ("nlvr", "nlvr-synthetic")}
    assert folders == {sample_folder(tmp_path, "nlvr")}


def test_samples_depend_on_the_seed_only(tmp_path: Path) -> None:
    task = load_task("okvqa")
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_sample(task, tmp_path / name, 3, seed)
    assert tree(tmp_path / "a") == tree(tmp_path / "b") != tree(tmp_path / "c")


class Recorded(Silent):
    """Notes what a progress display receives."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.done = self.finished = 0

    def start(self, title: str, total: int | None, unit: Unit = "rows") -> None:
        del total, unit
        self.titles.append(title)

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        del size, rejects
        self.done += done

    def finish(self) -> None:
        self.finished += 1


@pytest.mark.parametrize("name", ["coco", "nlvr", "imagenet", "okvqa"])
def test_drawing_reports_progress(tmp_path: Path, name: str) -> None:
    progress = Recorded()
    write_once(load_task(name), tmp_path, 60, progress)
    assert progress.titles == [f"{name} sample data"]
    assert progress.done >= 60
    assert progress.finished == 1
    write_once(load_task(name), tmp_path, 60, progress)
    assert progress.finished == 1, "nothing is drawn again"
