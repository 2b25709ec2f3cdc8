"""FM-IQA as compressed, and as one file per split."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.records import Split
from m3it_builder.samples.files import write_bytes, write_json
from tests.support.conversion import convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "fm-iqa" / "source"
SPLITS: dict[Split, str] = {"train": "train", "validation": "val"}


def copy_with(folder: Path, files: dict[str, bytes]) -> Path:
    """Link the images of the fixture beside other annotation files."""
    for name in ("coco-2014-train-images", "coco-2014-val-images"):
        (folder / name).symlink_to(SOURCE / name)
    for name, data in files.items():
        write_bytes(folder / "fm-iqa-annotations" / name, data)
    return folder


def outcome(split: Split, sources: Path) -> tuple[list[tuple[str, str, str]], object]:
    rows, rejects = convert(load_task("fm-iqa"), split, sources)
    return [(row.record.id, row.inputs, row.outputs) for row in rows], rejects


@pytest.mark.parametrize("split", SPLITS)
def test_compressed_file(tmp_path: Path, split: Split) -> None:
    data = (SOURCE / "fm-iqa-annotations" / "FM-IQA.json").read_bytes()
    sources = copy_with(tmp_path, {"FM-IQA.json.gz": gzip.compress(data, mtime=0)})
    assert outcome(split, sources) == outcome(split, SOURCE)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("compressed", [False, True])
def test_one_list_per_split(tmp_path: Path, split: Split, compressed: bool) -> None:
    rows = json.loads((SOURCE / "fm-iqa-annotations" / "FM-IQA.json").read_bytes())
    files = {}
    for name in SPLITS.values():
        data = json.dumps(rows[name]).encode()
        files[f"FM-IQA_{name}.json" + ".gz" * compressed] = (
            gzip.compress(data, mtime=0) if compressed else data
        )
    assert outcome(split, copy_with(tmp_path, files)) == outcome(split, SOURCE)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("羊！。", "羊！"),
        ("一些面包，。", "一些面包，"),
        ("羊?。", "羊?"),
        ("白色。", "白色。"),
        ("薯条,牛排。", "薯条,牛排。"),
        ("是pizza。 ", "是pizza。"),
        ("3个", "3个"),
    ],
)
def test_added_stop(tmp_path: Path, answer: str, expected: str) -> None:
    row = {"question_id": 1, "image_id": 1_000_321, "Question": "这是什么？", "Answer": answer}
    sources = copy_with(tmp_path, {})
    write_json(sources / "fm-iqa-annotations/FM-IQA.json", {"val": [row]})
    rows, _ = convert(load_task("fm-iqa"), "validation", sources)
    assert [row.outputs for row in rows] == [expected]


@pytest.mark.parametrize(
    ("field", "reason"), [("Question", "no_question"), ("Answer", "no_answer")]
)
def test_null_texts(tmp_path: Path, field: str, reason: str) -> None:
    row = {"question_id": 1, "image_id": 1_000_321, "Question": "这是什么？", "Answer": "羊。"}
    sources = copy_with(tmp_path, {})
    write_json(sources / "fm-iqa-annotations" / "FM-IQA.json", {"val": [{**row, field: None}]})
    assert outcome("validation", sources) == ([], [("1", reason)])
