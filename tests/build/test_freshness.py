"""The state of a unit before a build: up to date, stale and why, resumable."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build import commit
from m3it_builder.build.builder import Build
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import BuildError, RejectShareError
from tests.support.building import ANNOTATIONS, PLAN, build, images_of, interrupt
from tests.support.paths import tree


def test_second_run_does_nothing_and_changes_are_named(sample: Path, tmp_path: Path) -> None:
    assert build(sample, tmp_path).status == "built"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "okvqa").rglob("*.tar")}
    assert build(sample, tmp_path).status == "up to date"
    with pytest.raises(BuildError, match=r"the plan \(seed: 1234 → 7\).*--replace"):
        build(sample, tmp_path, replace(PLAN, seed=7))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert build(sample, tmp_path, replace(PLAN, seed=7), replace=True).status == "built"


def test_changed_annotation_file_is_named(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path)
    os.utime(sources / ANNOTATIONS, ns=(1, 1))
    with pytest.raises(BuildError, match=f"the source files \\({ANNOTATIONS}\\)"):
        build(sources, tmp_path)


def test_missing_local_state_makes_a_unit_stale(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path)
    (tmp_path / "okvqa/.m3it/train/fingerprint.json").unlink()
    with pytest.raises(
        BuildError, match=r"changed: unknown, its local state is missing.*--replace"
    ):
        build(sample, tmp_path)


def test_added_images_are_found(sources: Path, tmp_path: Path) -> None:
    """Images are looked up again after a build with too many rejects, and after a finished one."""
    missing = images_of(sources)[:9]
    kept = {path: path.read_bytes() for path in missing}
    for path in missing:
        path.unlink()
    out = tmp_path / "out"
    with pytest.raises(RejectShareError):
        build(sources, out)
    missing[0].write_bytes(kept[missing[0]])
    for path in missing[1:5]:
        path.write_bytes(kept[path][:500])
    with pytest.raises(RejectShareError):
        build(sources, out)
    for path in missing[:5]:
        path.write_bytes(kept[path])
    assert build(sources, out).rejects == {"image_missing": 4}
    assert build(sources, out).status == "up to date"
    for path in missing:
        path.write_bytes(kept[path])
    with pytest.raises(BuildError, match="previously missing images exist now"):
        build(sources, out)
    assert build(sources, out, replace=True).rejects == {}
    build(sources, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_repaired_image_files_are_found(sources: Path, tmp_path: Path) -> None:
    image = images_of(sources)[5]
    good = image.read_bytes()
    image.write_bytes(good[:900])
    assert build(sources, tmp_path / "out").rejects == {"image_truncated": 1}
    assert build(sources, tmp_path / "out").status == "up to date"
    image.write_bytes(good)
    with pytest.raises(BuildError, match=r"previously unusable images have changed .*--replace"):
        build(sources, tmp_path / "out")
    assert build(sources, tmp_path / "out", replace=True).rejects == {}


def test_images_that_arrive_after_a_plan_are_used(sources: Path, tmp_path: Path) -> None:
    missing = images_of(sources)[:60]
    for path in missing:
        path.rename(tmp_path / path.name)
    lenient = replace(PLAN, max_reject_share=1.0)
    assert build(sources, tmp_path / "out", lenient, plan_only=True).rejects["image_missing"] == 60
    for path in missing:
        (tmp_path / path.name).rename(path)
    assert build(sources, tmp_path / "out", lenient).rejects == {}


def test_missing_image_that_arrives_with_another_suffix(sources: Path, tmp_path: Path) -> None:
    image = images_of(sources)[5]
    data = image.read_bytes()
    image.unlink()
    assert build(sources, tmp_path / "out").rejects == {"image_missing": 1}
    image.with_suffix(".jpeg").write_bytes(data)
    with pytest.raises(BuildError, match=r"previously missing images exist now"):
        build(sources, tmp_path / "out")
    assert build(sources, tmp_path / "out", replace=True).rejects == {}


@pytest.mark.parametrize("kind", ["annotations", "image"])
def test_files_replaced_with_size_and_mtime_kept(sources: Path, tmp_path: Path, kind: str) -> None:
    """``cp -p`` and archivers restore the mtime."""
    out = tmp_path / "out"
    build(sources, out)
    path = sources / ANNOTATIONS if kind == "annotations" else images_of(sources)[3]
    data, state = path.read_bytes(), path.stat()
    if kind == "annotations":
        changed = data.replace(b'"yes"', b'"yep"')
        assert changed != data
    else:
        comment = data.index(b"\xff\xdb")  # the bytes before a table of quantization
        changed = data[:comment] + data[comment:].replace(data[-40:-30], data[-40:-30][::-1])
    path.write_bytes(changed)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    if kind == "annotations":
        with pytest.raises(BuildError, match=r"changed: .*annotations\.json"):
            build(sources, out)
    build(sources, out, replace=True)
    build(sources, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_moved_sources_are_not_resumed(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The spool has absolute paths of images, so it is filled again."""
    moved, out = tmp_path / "moved", tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(commit, "merge", interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(sources, out)
    sources.rename(moved)
    assert build(moved, out).rejects == {}


@pytest.mark.parametrize("deleted", ["parquet/train-00001.parquet", "meta/train/index.parquet"])
def test_missing_files_of_a_finished_unit_are_named(
    sample: Path, tmp_path: Path, deleted: str
) -> None:
    build(sample, tmp_path)
    complete = tree(tmp_path)
    (tmp_path / "okvqa" / deleted).unlink()
    with pytest.raises(
        BuildError, match=f"the finished okvqa/train are missing or have another size: {deleted}"
    ):
        build(sample, tmp_path)
    assert build(sample, tmp_path, replace=True).status == "built"
    assert tree(tmp_path) == complete


@pytest.mark.parametrize("text", ["{", "[]", '{"format_version": 99}', '{"format_version": 1}'])
def test_malformed_manifest_stops_only_its_unit(sample: Path, tmp_path: Path, text: str) -> None:
    build(sample, tmp_path)
    path = tmp_path / "okvqa" / "meta" / "train" / "manifest.json"
    path.write_text(text)
    with pytest.raises(BuildError, match="--replace"):
        build(sample, tmp_path)
    Build(sources=sample, out=tmp_path, plan=PLAN).unit(load_task("okvqa"), "validation")
    assert "validation" in (tmp_path / "okvqa" / "README.md").read_text()
    assert build(sample, tmp_path, replace=True).status == "built"
    assert len(list(manifests(tmp_path / "okvqa"))) == 2


def test_splits_need_the_same_image_encoding(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path)
    other = Build(sources=sample, out=tmp_path, plan=replace(PLAN, images="base64"))
    with pytest.raises(BuildError, match="train was built with --images bytes"):
        other.unit(load_task("okvqa"), "validation")
