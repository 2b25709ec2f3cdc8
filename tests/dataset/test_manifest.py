"""Manifests: lossless, free of local paths, and a malformed one is one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.dataset.manifest import (
    Manifest,
    manifests,
    read_manifest,
    read_manifest_or_none,
    readable_manifests,
    task_folders,
    write_manifest,
)
from m3it_builder.errors import BuildError
from tests.support.building import TEXT_PLAN, build, numbered_task, placeholder_sources


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a small unit; return the folder of its task."""
    folder = tmp_path_factory.mktemp("built")
    build(placeholder_sources(folder), folder / "out", TEXT_PLAN, numbered_task(3))
    return folder / "out" / "numbers"


@pytest.fixture
def manifest(built: Path) -> Manifest:
    (unit,) = manifests(built)
    return unit


def test_round_trip(manifest: Manifest, built: Path, tmp_path: Path) -> None:
    write_manifest(manifest, tmp_path)
    assert read_manifest(tmp_path) == manifest
    written = (tmp_path / "manifest.json").read_bytes()
    assert written == (built / "meta/train/manifest.json").read_bytes()
    assert list(json.loads(written)) == sorted(json.loads(written)), "keys are sorted"
    assert manifest.name == "numbers/train"
    assert manifest.formats == ("jsonl",)
    assert manifest.shard_bytes == sum(p.stat().st_size for p in built.glob("jsonl/*.jsonl"))
    assert manifest.examples == manifest.instances == 3


def test_nothing_of_the_machine_is_published(built: Path) -> None:
    text = (built / "meta/train/manifest.json").read_text()
    assert str(built.parent) not in text
    assert "mtime" not in text


def _delete(*keys: str) -> Callable[[Any], Any]:
    def edit(value: Any) -> Any:
        inner = value
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        return value

    return edit


def _set(new: object, *keys: str | int) -> Callable[[Any], Any]:
    def edit(value: Any) -> Any:
        inner = value
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = new
        return value

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (_delete("shards"), "shards"),
        (_delete("format_version"), "format_version"),
        (_delete("card", "title"), r"title.*\$\.card"),
        (_delete("plan", "video"), r"video.*\$\.plan"),
        (_set("3", "instances"), r"\$\.instances"),
        (_set(-1, "images"), r"\$\.images"),
        (_set("val", "split"), r"\$\.split"),
        (_set(None, "index"), r"\$\.index"),
        (_set(["png"], "plan", "formats"), r"\$\.plan\.formats"),
        (_set(10**6, "card", "images", "max"), r"\$\.card\.images\.max"),
        (_set([1], "rejects"), r"\$\.rejects"),
        (_set({}, "shards", 0), r"\$\.shards\[0\]"),
        (_set(1, "format_version"), r"manifest format 1, this one reads 2"),
        (_set(99, "format_version"), r"manifest format 99, this one reads 2"),
        (lambda _: [], "array"),
        (lambda _: None, "null"),
    ],
)
def test_wrong_content_is_one_error(
    built: Path, tmp_path: Path, edit: Callable[[Any], Any], message: str
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(edit(json.loads((built / "meta/train/manifest.json").read_text()))))
    with pytest.raises(BuildError, match=message) as caught:
        read_manifest(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.endswith("rebuild the unit with --replace")
    assert "\n" not in text
    assert read_manifest_or_none(tmp_path) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"format_version": 2', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "brace", "truncated", "not UTF-8", "nested"],
)
def test_malformed_json_is_one_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(data)
    with pytest.raises(BuildError, match=r"manifest\.json: malformed .*--replace"):
        read_manifest(tmp_path)


def test_missing_manifest_means_unfinished(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    assert list(manifests(tmp_path)) == []
    with pytest.raises(BuildError, match=r"no finished build found .*m3it build"):
        task_folders(tmp_path)


def test_order_of_splits_and_malformed_ones(manifest: Manifest, tmp_path: Path) -> None:
    for split in ("test", "validation", "train"):
        folder = tmp_path / "numbers" / "meta" / split
        folder.mkdir(parents=True)
        write_manifest(manifest, folder)
    task = tmp_path / "numbers"
    assert task_folders(tmp_path) == task_folders(task) == [task]
    (task / "meta/train/manifest.json").write_text("{")
    assert len(list(readable_manifests(task))) == 2
    with pytest.raises(BuildError, match="malformed"):
        list(manifests(task))
