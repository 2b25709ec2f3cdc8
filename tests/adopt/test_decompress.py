"""Compressed data files."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import pytest

from m3it_builder.build.builder import Build
from m3it_builder.errors import Failure
from tests.support import published
from tests.support.adoption import PLAN, adopt_all, adopt_tasks, adopted_rows


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_compressed_files_give_the_same_rows(
    download: Path, adopted: Path, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "data" / "captioning" / "coco"
    folder.mkdir(parents=True)
    uncompressed = download / "data" / "captioning" / "coco"
    for name in ("train", "val", "test"):
        data = (uncompressed / f"{name}.jsonl").read_bytes()
        if kind == "gz":
            (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(data))
        else:
            with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"inner/{name}.jsonl", data)
    published.write_pool(folder)
    adopt_all(tmp_path, tmp_path / "out")
    for split in ("train", "validation", "test"):
        ours = adopted_rows(tmp_path / "out", "coco", split)
        theirs = adopted_rows(adopted, "coco", split)
        assert [row.row.id for row in ours] == [row.row.id for row in theirs]
        assert [row.images for row in ours] == [row.images for row in theirs]
    assert adopt_all(tmp_path, tmp_path / "out")["coco/train"].status == "up to date"


def test_links_to_an_earlier_download_are_replaced(tmp_path: Path) -> None:
    """Files that are not compressed are linked beside decompressed ones."""
    lines = [{"image_str": published.b64(n), "inputs": "a", "outputs": str(n)} for n in range(3)]
    for name in ("old", "new"):
        folder = tmp_path / name / "data" / "vqa" / "gqa"
        published.write_lines(folder / "train.jsonl", lines)
        uncompressed = folder / "train.jsonl"
        (folder / "train.jsonl.gz").write_bytes(gzip.compress(uncompressed.read_bytes()))
        uncompressed.unlink()
        (folder / "instructions.json").write_text(json.dumps([f"The {name} instruction."]))
    adopt_all(tmp_path / "old", tmp_path / "out")
    (tmp_path / "old").rename(tmp_path / "moved away")
    adopt_all(tmp_path / "new", tmp_path / "out", replace=True)
    rows = adopted_rows(tmp_path / "out", "gqa", "train")
    assert {row.row.instruction for row in rows} == {"The new instruction."}


def test_a_truncated_archive_fails_its_own_unit(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    row = {"image_str": published.b64(1), "inputs": "a", "outputs": "b"}
    published.write_lines(folder / "val.jsonl", [row])
    published.write_pool(folder)
    content = gzip.compress((folder / "val.jsonl").read_bytes())
    (folder / "train.jsonl.gz").write_bytes(content[: len(content) // 2])
    failure, report = adopt_tasks(
        tmp_path, Build(sources=tmp_path, out=tmp_path / "out", plan=PLAN)
    )
    assert isinstance(failure, Failure)
    assert failure.unit == "gqa/train"
    assert "train.jsonl.gz: truncated or corrupt" in str(failure.error)
    assert not isinstance(report, Failure)
