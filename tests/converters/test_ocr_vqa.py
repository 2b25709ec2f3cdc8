"""OCR-VQA: all questions of a book, and the covers that users have."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from m3it_builder import Record, load_task
from m3it_builder.records import Slice
from m3it_builder.samples.ocr_vqa import book, write_books
from m3it_builder.tasks.opening import open_source
from tests.support.conversion import WORLD, convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "ocr-vqa" / "source"


def test_all_questions() -> None:
    task = load_task("ocr-vqa").with_options({"questions": "all"})
    rows, rejects = convert(task, "train", SOURCE)
    texts = {row.record.id: (row.inputs, row.outputs) for row in rows}
    assert {id: text for id, text in texts.items() if id.startswith("044900371X")} == {
        "044900371X-0": ("Who wrote this book?", "Doug the Pug"),
        "044900371X-1": ("What is the title of this book?", "Never Give Up"),
        "044900371X-2": ("Is it old?", "No"),
    }
    assert "not_chosen" not in {reason for _, reason in rejects}


def test_covers_in_the_tar_files_of_img2dataset(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "src")
    covers = tmp_path / "src" / "ocr-vqa-images"
    for shard in ("000000007", "000000008"):
        with tarfile.open(covers / f"{shard[-5:]}.tar", "w") as tar:
            for path in sorted(covers.glob(f"{shard}.*")):
                tar.add(path, path.name)
                path.unlink()
    task = load_task("ocr-vqa")
    rows, _ = convert(task, "train", tmp_path / "src")
    expected, _ = convert(task, "train", SOURCE)
    assert [row.record.id for row in rows] == [row.record.id for row in expected]
    images = {row.record.id.partition("-")[0]: row.record.images[0] for row in rows}
    assert images["1437717772"].name == "ocr-vqa-images/000000007.jpg"
    location = images["1437717772"].location
    assert isinstance(location, Slice)
    assert location.path.endswith("00007.tar")


def test_a_cover_has_the_extension_of_its_address(tmp_path: Path) -> None:
    entry = book(WORLD, 1, 5, tmp_path / "cover.jpg") | {
        "imageURL": "https://covers.example/I/5.L.gif"
    }
    write_books(tmp_path, {"000000000X": entry})
    task = load_task("ocr-vqa")
    (record,) = [
        item
        for item in task.convert(open_source(task, "train", tmp_path))
        if isinstance(item, Record)
    ]
    assert record.images[0].name == "ocr-vqa-images/images/000000000X.gif"
