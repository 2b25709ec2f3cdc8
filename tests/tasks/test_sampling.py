"""Sample sources are written once, and again if their parameters change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import BuildError
from m3it_builder.progress import Silent, Unit
from m3it_builder.tasks.sampling import (
    sample_folder,
    write_all_once,
    write_once,
    write_sample,
    write_samples,
)
from tests.support.paths import tree


def stats(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


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


def test_deleted_files_are_written_again(tmp_path: Path) -> None:
    task = load_task("okvqa")
    folder = write_once(task, tmp_path, 3)
    before = files(folder)
    annotations = stats(folder / "okvqa-annotations")
    shutil.rmtree(folder / "coco-2014-train-images")
    write_all_once([task], tmp_path, 3, 1, Silent())
    assert files(folder) == before
    assert stats(folder / "okvqa-annotations") == annotations, "an earlier build is up to date"
    assert [path.name for path in folder.parent.iterdir()] == ["okvqa"]


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


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files, without the list of those that are ours."""
    return {name: data for name, data in tree(folder).items() if not name.startswith(".")}


def test_official_files_are_never_replaced(tmp_path: Path) -> None:
    """Nothing is written at all, even if only the last source of a task has official files."""
    official = tmp_path / "okvqa-annotations" / "mscoco_train2014_annotations.json.zip"
    official.parent.mkdir()
    official.write_bytes(b"official")
    with pytest.raises(BuildError, match=r"okvqa-annotations: holds .*choose another --out"):
        write_samples([load_task("okvqa")], tmp_path, 3)
    assert contents(tmp_path) == {"okvqa-annotations/" + official.name: b"official"}


def test_files_that_were_added_to_a_sample_are_kept(tmp_path: Path) -> None:
    """Somebody downloads official files into the folder, under a new name or that of ours."""
    tasks = [load_task("shapes")]
    write_samples(tasks, tmp_path, 3)
    ours = next(path for path in sorted((tmp_path / "shapes").rglob("*")) if path.is_file())
    sample = ours.read_bytes()
    for path, data in ((ours.with_name("new.zip"), b"official"), (ours, b"official")):
        path.write_bytes(data)
        with pytest.raises(BuildError, match=f"did not write .*{path.name}"):
            write_samples(tasks, tmp_path, 3)
        assert path.read_bytes() == data
        path.unlink()
        ours.write_bytes(sample)
    write_samples(tasks, tmp_path, 3)


@pytest.mark.parametrize("name", ["shapes", "shapes/train"])
def test_symbolic_links_are_not_followed(tmp_path: Path, name: str) -> None:
    tasks, outside = [load_task("shapes")], tmp_path / "outside"
    outside.mkdir()
    link = tmp_path / "out" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with pytest.raises(BuildError, match=r"shapes: .*choose another --out"):
        write_samples(tasks, tmp_path / "out", 3)
    assert link.is_symlink()
    assert not list(outside.iterdir())


def test_samples_never_mix(tmp_path: Path) -> None:
    """A smaller sample leaves no files of a larger one."""
    for count in (6, 2):
        write_samples([load_task("okvqa")], tmp_path / "again", count)
    write_sample(load_task("okvqa"), tmp_path / "once", 2)
    assert contents(tmp_path / "again") == tree(tmp_path / "once")


def test_tasks_share_sources(tmp_path: Path) -> None:
    """Images of COCO: in one run, or one after the other with equal parameters."""
    okvqa, coco = load_task("okvqa"), load_task("coco")
    write_samples([okvqa, coco], tmp_path / "one", 3)
    write_samples([okvqa], tmp_path / "two", 3)
    write_samples([coco], tmp_path / "two", 3)
    for task in (okvqa, coco):
        write_sample(task, tmp_path / "plain", 3)
    plain = tree(tmp_path / "plain")
    assert contents(tmp_path / "one") == contents(tmp_path / "two") == plain
    for count, seed in ((4, 0), (3, 1)):
        with pytest.raises(BuildError, match=r"sample of coco, okvqa too \(--n 3 --seed 0"):
            write_samples([coco], tmp_path / "two", count, seed)
    assert contents(tmp_path / "two") == plain
    write_samples([coco, okvqa], tmp_path / "two", 4)
    assert len(contents(tmp_path / "two")) > len(plain)
