"""Images and annotations of a build, held to the official files."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.dataset.manifest import NAME
from tests.support import faults
from tests.support.verifying import kinds, verdict, verified


@pytest.fixture
def raw(base: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a build of okvqa, and sources of its own."""
    shutil.copytree(base / "src" / "okvqa", tmp_path / "raw")
    shutil.copytree(base / "out" / "okvqa", tmp_path / "okvqa")
    return tmp_path / "okvqa", tmp_path / "raw"


def images_of(sources: Path) -> list[Path]:
    return sorted((sources / "coco-2014-train-images").rglob("*.jpg"))


def test_sources_unchanged_altered_missing(raw: tuple[Path, Path]) -> None:
    folder, sources = raw
    code, found, _ = verified(folder, "--quick", "--sources", str(sources))
    assert (code, found) == (0, {})
    unit = json.loads((folder / "meta" / "train" / NAME).read_text())
    used = {
        image["name"].partition("/")[2]
        for row in pq.read_table(faults.index_path(folder)).to_pylist()
        for image in row["images"]
    }
    altered, gone, *_ = [
        path for path in images_of(sources) if path.parent.name + "/" + path.name in used
    ]
    data = bytearray(altered.read_bytes())
    data[len(data) // 2] ^= 1
    altered.write_bytes(data)
    gone.unlink()
    annotations = sources / next(iter(unit["sources"]))
    annotations.write_bytes(annotations.read_bytes() + b" ")
    code, found, said = verified(folder, "--quick", "--split", "train", "--sources", str(sources))
    assert code == 1
    assert set(found) == {"source_file", "source_image"}
    assert "the official files are others by now; build again with --replace" in said
    assert "delete" not in said
    told = {fault["where"].split()[1]: fault["detail"] for fault in found["source_image"]["faults"]}
    assert {name.rpartition("/")[2]: detail for name, detail in told.items()} == {
        altered.name: "its bytes are others now",
        gone.name: "it is not there",
    }
    assert "the build was made from" in found["source_file"]["faults"][0]["detail"]
    annotations.unlink()
    _, found, _ = verified(folder, "--quick", "--split", "train", "--sources", str(sources))
    assert found["source_file"]["faults"][0]["detail"] == "it is not there"


def test_sources_moved_into_their_archive(raw: tuple[Path, Path]) -> None:
    folder, sources = raw
    images = sources / "coco-2014-train-images"
    shutil.make_archive(str(images / "train2014"), "zip", images, "train2014")
    shutil.rmtree(images / "train2014")
    code, found, _ = verified(folder, "--quick", "--sources", str(sources))
    assert (code, found) == (0, {})
    (images / "train2014.zip").write_bytes(b"PK no zip")
    code, found, _ = verified(folder, "--quick", "--sources", str(sources))
    assert (code, set(found)) == (1, {"source_image"})


def test_sources_of_a_task_that_is_not_installed(base: Path, tmp_path: Path) -> None:
    found = verdict(base / "out", tasks=("mixed",), sources=base / "src" / "mixed", quick=True)
    assert kinds(found) == {}
    assert found.from_sources == found.images > 10


@pytest.mark.skipif(find_spec("av") is None, reason="no video decoder")
def test_frames_are_checked_or_counted(every_task: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "msrvtt-qa"
    shutil.copytree(every_task[0] / "out" / "msrvtt-qa", folder)
    sources = every_task[0] / "src" / "msrvtt-qa"

    def shift(rows: faults.Rows) -> None:
        for image in rows[0]["images"]:
            image["source_digest"] = rows[0]["images"][0]["source_digest"]

    faults.index(folder, shift)
    found = verdict(folder, quick=True, sources=sources)
    assert kinds(found)["source_image"] == 1
    faults.manifest(folder, lambda value: value["toolchain"].update(pillow="1.0"))
    found = verdict(folder, quick=True, sources=sources, splits=("train",))
    assert "source_image" not in kinds(found)
    (reason,) = found.unchecked
    assert reason.startswith("made with pillow 1.0")
    assert found.unchecked[reason] == found.images
    assert found.from_sources == 0
