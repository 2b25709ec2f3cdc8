"""A build overwrites and deletes its own files only, and none of the sources."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder.build import commit
from m3it_builder.errors import BuildError
from tests.support.building import PLAN, TEXT_PLAN, build, built_unit, interrupt, remove_row
from tests.support.paths import tree


def test_a_folder_of_the_same_name_is_left_alone(sample: Path, tmp_path: Path) -> None:
    folder = tmp_path / "okvqa"
    for name in ("README.md", "webdataset/train-00000.tar", "parquet/train-mine.parquet"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(BuildError, match=r"okvqa: holds files that no build wrote \(README.md, "):
        build(sample, tmp_path, replace=True)
    assert tree(tmp_path) == before
    assert not (folder / ".m3it").exists()


def test_files_beside_the_shards_survive(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(sources, out)
    mine = ["webdataset/train-00000.backup.tar", "webdataset/train-extra.tar", "parquet/notes.txt",
            "webdataset/train-99999.tar"]  # fmt: skip
    for name in mine:
        (out / "okvqa" / name).write_text("mine")
    shards = len(built_unit(out).shards)
    (out / "okvqa" / f"webdataset/train-{shards + 50:05d}.tar").write_text("mine")
    for _ in range(60):
        remove_row(sources, 0)
    build(sources, out, replace=True)
    assert len(built_unit(out).shards) < shards, "some shards were stale"
    assert all((out / "okvqa" / name).read_text() == "mine" for name in mine)
    build(sources, tmp_path / "fresh")
    for name in (*mine, f"webdataset/train-{shards + 50:05d}.tar"):
        (out / "okvqa" / name).unlink()
    assert tree(out) == tree(tmp_path / "fresh")


def test_a_file_with_the_name_of_a_shard(sources: Path, tmp_path: Path) -> None:
    """It is refused before anything is packed, and the finished build stays as it is."""
    out = tmp_path / "out"
    build(sources, out, replace(PLAN, limit=20))
    taken = out / "okvqa" / "webdataset" / f"train-{len(built_unit(out).shards):05d}.tar"
    taken.write_text("mine")
    before = tree(out)
    with pytest.raises(BuildError, match=rf"no build wrote \(webdataset/{taken.name}\); move"):
        build(sources, out, replace=True)
    assert tree(out) == before


@pytest.mark.parametrize("step", ["_move_shards", "write_manifest", "save_own_shards"])
def test_a_crash_does_not_orphan_shards(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Shards of the old, the interrupted and the new build are all known as own."""
    out = tmp_path / "out"
    build(sources, out)
    for rows in (60, 30):
        for _ in range(rows):
            remove_row(sources, 0)
        with monkeypatch.context() as patch:
            patch.setattr(commit, step, interrupt)
            with pytest.raises(KeyboardInterrupt):
                build(sources, out, replace=True)
    build(sources, out, replace=True)
    build(sources, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


@pytest.mark.parametrize("damage", ["cut", "other version"])
def test_an_unreadable_manifest_still_tells_what_is_own(
    sample: Path, tmp_path: Path, damage: str
) -> None:
    build(sample, tmp_path / "out")
    path = tmp_path / "out/okvqa/meta/train/manifest.json"
    shutil.rmtree(tmp_path / "out/okvqa/.m3it")
    text = path.read_text()
    other = text.replace('"format_version": 2', '"x": 1')
    path.write_text(text[:-40] if damage == "cut" else other)
    limited = replace(PLAN, limit=20)
    build(sample, tmp_path / "out", limited, replace=True)
    build(sample, tmp_path / "fresh", limited)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_manifest_cannot_name_files_elsewhere(sample: Path, tmp_path: Path) -> None:
    out, mine = tmp_path / "out", tmp_path / "mine.tar"
    build(sample, out, TEXT_PLAN)
    mine.write_text("mine")
    (out / "okvqa" / "notes.txt").write_text("mine")
    path = out / "okvqa/meta/train/manifest.json"
    value = json.loads(path.read_text())
    names = ("../../mine.tar", "notes.txt", "README.md")
    for shard, name in zip(value["shards"], names, strict=False):
        shard["files"]["jsonl"]["path"] = name
    path.write_text(json.dumps(value))
    build(sample, out, TEXT_PLAN, replace=True)
    assert mine.exists()
    assert (out / "okvqa" / "notes.txt").exists()


def test_output_in_a_folder_of_sources(sources: Path, tmp_path: Path) -> None:
    before = tree(sources)
    with pytest.raises(BuildError, match=r"overlaps with .*okvqa-annotations"):
        build(sources, sources / "okvqa-annotations")
    with pytest.raises(BuildError, match="overlaps"):
        build(sources, sources / "okvqa-annotations" / "new" / "folder")
    # A source whose folder is called like the task.
    (tmp_path / "data").mkdir()
    shutil.move(sources / "okvqa-annotations", tmp_path / "data" / "okvqa")
    (sources / "okvqa-annotations").symlink_to(tmp_path / "data" / "okvqa")
    with pytest.raises(BuildError, match="overlaps"):
        build(sources, tmp_path / "data")
    (sources / "okvqa-annotations").unlink()
    shutil.move(tmp_path / "data" / "okvqa", sources / "okvqa-annotations")
    assert tree(sources) == before
