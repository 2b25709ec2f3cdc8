"""Images and annotations of a build, compared with the official files."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.dataset.layout import MANIFEST
from tests.support import edits
from tests.support.verifying import counts, verify, verify_command


@pytest.fixture
def raw(base: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return copies of a build of okvqa and of its sources."""
    shutil.copytree(base / "src" / "okvqa", tmp_path / "raw")
    shutil.copytree(base / "out" / "okvqa", tmp_path / "okvqa")
    return tmp_path / "okvqa", tmp_path / "raw"


def images_of(sources: Path) -> list[Path]:
    return sorted((sources / "coco-2014-train-images").rglob("*.jpg"))


def test_changed_and_missing_sources_are_reported(raw: tuple[Path, Path]) -> None:
    folder, sources = raw
    code, findings, _ = verify_command(folder, "--quick", "--sources", str(sources))
    assert (code, findings) == (0, {})
    unit = json.loads((folder / "meta" / "train" / MANIFEST).read_text())
    used = {
        image["name"].partition("/")[2]
        for row in pq.read_table(edits.index_path(folder)).to_pylist()
        for image in row["images"]
    }
    changed, missing, *_ = [
        path for path in images_of(sources) if path.parent.name + "/" + path.name in used
    ]
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    missing.unlink()
    annotations = sources / next(iter(unit["sources"]))
    annotations.write_bytes(annotations.read_bytes() + b" ")
    code, findings, errors = verify_command(
        folder, "--quick", "--split", "train", "--sources", str(sources)
    )
    assert code == 1
    assert set(findings) == {"source_file", "source_image"}
    assert "the official files have changed, or the build read them wrongly" in errors
    assert "delete" not in errors
    details = {
        Path(finding["where"].split()[1]).name: finding["detail"]
        for finding in findings["source_image"]["examples"]
    }
    assert details == {changed.name: "its bytes have changed", missing.name: "missing"}
    assert "when the build was made" in findings["source_file"]["examples"][0]["detail"]
    annotations.unlink()
    _, findings, _ = verify_command(
        folder, "--quick", "--split", "train", "--sources", str(sources)
    )
    assert findings["source_file"]["examples"][0]["detail"] == "missing"


def test_sources_moved_into_an_archive(raw: tuple[Path, Path]) -> None:
    folder, sources = raw
    images = sources / "coco-2014-train-images"
    shutil.make_archive(str(images / "train2014"), "zip", images, "train2014")
    shutil.rmtree(images / "train2014")
    code, findings, _ = verify_command(folder, "--quick", "--sources", str(sources))
    assert (code, findings) == (0, {})
    (images / "train2014.zip").write_bytes(b"PK no zip")
    code, findings, _ = verify_command(folder, "--quick", "--sources", str(sources))
    assert (code, set(findings)) == (1, {"source_image"})


def test_sources_of_a_task_that_is_not_installed(base: Path, tmp_path: Path) -> None:
    report = verify(base / "out", tasks=("mixed",), sources=base / "src" / "mixed", quick=True)
    assert counts(report) == {}
    assert report.from_sources == report.images > 10


@pytest.mark.skipif(find_spec("av") is None, reason="no video decoder")
def test_frames_are_compared_or_counted_as_unchecked(
    every_task: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "msrvtt-qa"
    shutil.copytree(every_task[0] / "out" / "msrvtt-qa", folder)
    sources = every_task[0] / "src" / "msrvtt-qa"

    def repeat_first_digest(rows: edits.Rows) -> None:
        for image in rows[0]["images"]:
            image["source_digest"] = rows[0]["images"][0]["source_digest"]

    edits.edit_index(folder, repeat_first_digest)
    report = verify(folder, quick=True, sources=sources)
    assert counts(report)["source_image"] == 1
    edits.edit_manifest(folder, lambda value: value["toolchain"].update(pillow="1.0"))
    report = verify(folder, quick=True, sources=sources, splits=("train",))
    assert "source_image" not in counts(report)
    (reason,) = report.unchecked
    assert reason.startswith("built with pillow 1.0")
    assert report.unchecked[reason] == report.images
    assert report.from_sources == 0
