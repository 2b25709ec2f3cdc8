"""Compressed data files."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import zipfile
from pathlib import Path

import pytest

from m3it_builder.build.builder import Build
from m3it_builder.errors import Failure
from m3it_builder.sources import member_stream
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


# --- decompression bombs ----------------------------------------------------------------------


def compressed_units(root: Path, bomb: bytes) -> Path:
    """Write a download with a good ``train.jsonl.gz`` and ``bomb`` as ``val.jsonl.gz``."""
    folder = root / "data" / "vqa" / "gqa"
    row = {"image_str": published.b64(1), "inputs": "a", "outputs": "b"}
    published.write_lines(folder / "rows", [row])
    (folder / "train.jsonl.gz").write_bytes(gzip.compress((folder / "rows").read_bytes()))
    (folder / "rows").unlink()
    (folder / "val.jsonl.gz").write_bytes(bomb)
    published.write_pool(folder)
    return root


def unpacked(out: Path) -> set[str]:
    """Return the names below the folder of decompressed files, unfinished ones included."""
    return {path.name for path in (out / ".m3it" / "adopt" / "unpacked").rglob("*.*")}


def test_a_decompression_bomb_fails_its_own_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three megabytes became three gigabytes, which stayed below OUT."""
    monkeypatch.setattr(member_stream, "_BOMB_BYTES", 4 << 20)
    bomb = gzip.compress(b'{"inputs": "' + bytes(40 << 20))
    download = compressed_units(tmp_path / "in", bomb)
    out = tmp_path / "out"
    failure, report = adopt_tasks(download, Build(sources=download, out=out, plan=PLAN))
    assert isinstance(failure, Failure)
    assert failure.unit == "gqa/validation"
    message = str(failure.error)
    assert message.startswith(f"{download}/data/vqa/gqa/val.jsonl.gz: {len(bomb):,} bytes ")
    assert "looks like a decompression bomb; download it again" in message
    assert not isinstance(report, Failure)
    assert report.name == "gqa/train"
    assert unpacked(out) == {"train.jsonl", "instructions.json"}


def test_a_file_larger_than_the_disk_fails_its_own_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=3 << 20))
    large = gzip.compress(random.Random(7).randbytes(4 << 20), 1)
    download = compressed_units(tmp_path / "in", large)
    out = tmp_path / "out"
    failure, report = adopt_tasks(download, Build(sources=download, out=out, plan=PLAN))
    assert isinstance(failure, Failure)
    assert "val.jsonl.gz: does not fit on the disk of --out when decompressed" in str(failure.error)
    assert not isinstance(report, Failure)
    assert unpacked(out) == {"train.jsonl", "instructions.json"}
