"""Adoption of whole downloads: every line is accounted for, and the result is a build."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from blake3 import blake3

from m3it_builder.adopt.layout import find_layout
from m3it_builder.adopt.run import adopt
from m3it_builder.audits.runner import audit, query
from m3it_builder.build.builder import Build
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import Failure, RejectShareError
from tests.support import published
from tests.support.adoption import (
    PLAN,
    adopt_all,
    adopt_tasks,
    adopted_rows,
    by_line,
    read_jsonl,
)
from tests.support.paths import tree


def test_texts_and_images_are_unchanged(download: Path, adopted: Path) -> None:
    source = read_jsonl(download / "data" / "captioning" / "coco" / "train.jsonl")
    rows = by_line(adopted_rows(adopted, "coco"))
    assert sorted(rows) == list(range(1, 25))
    for number, row in rows.items():
        expected = source[number - 1]
        assert (row.row.inputs, row.row.outputs) == ("", expected["outputs"])
        assert row.images == (base64.b64decode(expected["image_str"]),)
        assert row.row.instruction in published.POOL
        assert json.loads(row.row.meta)["image_id"] == expected["image_id"]
        (image,) = row.row.images
        assert image.source_digest == blake3(row.images[0]).hexdigest()
        assert image.name == f"data/captioning/coco/train.jsonl#{number}.0"
    (album,) = adopted_rows(adopted, "vist")
    assert album.images == tuple(published.image(n, "PNG") for n in range(5))


def test_rows_of_any_structure_are_unified(adopted: Path) -> None:
    science = by_line(adopted_rows(adopted, "science-qa"))
    texts = {n: (r.row.inputs, r.row.outputs, len(r.images)) for n, r in science.items()}
    assert texts == {
        1: ("No image?", "none", 0),
        2: ("Null?", "null", 0),
        3: ("Empty list?", "3", 0),
        4: ("No key?", "2.5", 0),
        5: ("One?", "true", 1),
        6: ("", "first", 1),
    }
    meta = json.loads(science[6].row.meta)
    assert meta["outputs"] == ["first", "second"]
    assert meta["nested"] == {"image_str": "no"}
    assert json.loads(science[5].row.meta)["kilt_id"] == "k5"
    (rephrased,) = adopted_rows(adopted, "coco-itm-rephrased")
    assert rephrased.row.instruction == "Choose."
    assert rephrased.row.inputs == "(A) a\n(B) b"
    assert rephrased.row.outputs == "It is (A)."
    assert json.loads(rephrased.row.meta)["src"] == 9
    classes = [row.row.outputs for row in adopted_rows(adopted, "imagenet")]
    assert sorted(classes) == sorted(["tench", "goldfish", "shark"] * 2)


def test_every_line_is_a_row_or_a_reject(download: Path, adopted: Path) -> None:
    report = adopt_all(download, adopted)["gqa/train"]
    assert report.status == "up to date"
    assert report.rejects == published.GQA_REJECTS
    assert report.lines == report.rows + sum(report.rejects.values()) == 36
    table = pq.read_table(adopted / "gqa" / "meta" / "train" / "rejects.parquet").to_pylist()
    names = {row["reason"]: row["id"] for row in table if row["stage"] == "convert"}
    assert names["bad_base64"] == "data/vqa/gqa/train.jsonl:30"
    assert names["not_an_object"] == "data/vqa/gqa/train.jsonl:34"
    rows = by_line(adopted_rows(adopted, "gqa"))
    assert rows[25].images == (published.image(60),), "escaped slashes and plus signs"
    assert rows[26].images == (published.image(61),), "a line break within the base64"
    assert rows[27].images == (published.image(62),), "a data URI"


def test_deeply_nested_rows_are_rejected(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    image = published.b64(1).encode()
    rows = [
        b'{"img_str": "%b", "output": "b", "deep": %b1%b}' % (image, b"[" * depth, b"]" * depth)
        for depth in (100, 300, 900, 970, 980, 985, 990, 1_000, 1_100, 5_000)
    ]
    valid = {"image_str": published.b64(1), "inputs": "a", "outputs": "b"}
    published.write_lines(folder / "train.jsonl", [*rows, valid])
    published.write_pool(folder)
    report = adopt_all(tmp_path, tmp_path / "out")["gqa/train"]
    assert (report.lines, report.rows) == (11, 2)
    assert report.rejects.keys() == {"damaged_text", "bad_json"}


@pytest.mark.parametrize("folder", ["parquet", "webdataset", "jsonl"])
def test_datasets_loads_adopted_units(adopted: Path, folder: str) -> None:
    import datasets

    for task, splits in (
        ("coco", {"train", "validation", "test"}),
        ("vist", {"train", "validation"}),
    ):
        loaded = datasets.load_dataset(str(adopted / task / folder))
        assert set(loaded) == splits
        for split in splits:
            for actual, row in zip(loaded[split], adopted_rows(adopted, task, split), strict=True):
                texts = actual["json"] if folder == "webdataset" else actual
                assert texts["id"] == row.row.id
                assert texts["outputs"] == row.row.outputs
                assert _count_images(actual, folder) == len(row.images)


def _count_images(row: Mapping[str, Any], folder: str) -> int:
    if folder == "webdataset":
        return sum(row[f"{n}.jpg"] is not None for n in range(5) if f"{n}.jpg" in row)
    return len(row["images" if folder == "parquet" else "image_base64_str"])


def test_audits_and_sql_accept_adopted_units(adopted: Path) -> None:
    findings = {finding.audit: finding for finding in audit(adopted)}
    errors = [f.audit for f in findings.values() if f.count and f.level == "error"]
    assert errors == ["too_few_rows"]  # of a synthetic download
    assert findings["too_few_rows"].count > 5
    (count,) = query(adopted, "SELECT count(*) FROM instances WHERE task = 'coco'").rows[0]
    assert count == 36


def test_output_does_not_depend_on_workers(
    download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ("coco", "gqa")
    assert adopt_all(download, tmp_path / "one", *tasks)["coco/train"].shards > 8
    monkeypatch.setattr("m3it_builder.adopt.scan_all._MIN_BYTES_FOR_WORKERS", 0)
    adopt_all(download, tmp_path / "two", *tasks, workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_an_interrupted_adoption_is_resumed(
    download: Path, adopted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m3it_builder.adopt import scan, scan_all
    from m3it_builder.build import commit, image_phase

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((scan, "write_atomic"), (image_phase, "pack"), (commit, "merge"),
                         (commit, "write_manifest")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(module, name, interrupt)
            with pytest.raises(KeyboardInterrupt):
                adopt_all(download, tmp_path, "coco")
        assert list(manifests(tmp_path / "coco")) == [], name
    monkeypatch.setattr(scan_all, "scan", interrupt)  # the scan of train is complete, and reused
    layout = find_layout(download)
    train = [unit for unit in layout.units if unit.name == "coco/train"]
    list(adopt(layout, train, Build(sources=download, out=tmp_path, plan=PLAN)))
    monkeypatch.undo()
    adopt_all(download, tmp_path, "coco")
    assert tree(tmp_path / "coco") == tree(adopted / "coco")


def test_a_changed_file_needs_replace(download: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(download, copy)
    adopt_all(copy, tmp_path / "out", "mocheg")
    with (copy / "data/classification/mocheg/mocheg_train.jsonl").open("a") as file:
        row = {"image_str": published.b64(9), "input": "c", "output": "d"}
        file.write(json.dumps(row) + "\n")
    build = Build(sources=copy, out=tmp_path / "out", plan=PLAN)
    (failure,) = adopt_tasks(copy, build, "mocheg")
    assert isinstance(failure, Failure)
    assert "mocheg_train.jsonl" in str(failure.error)
    assert "--replace" in str(failure.error)
    assert adopt_all(copy, tmp_path / "out", "mocheg", replace=True)["mocheg/train"].rows == 2


@pytest.mark.parametrize("code", ["zh", "ar", "he", "ja"])
def test_translated_texts_are_joined_with_images(
    download_80: Path, adopted_80: Path, code: str
) -> None:
    instruction, question, answer = published.LANGUAGES[code]
    image_rows = read_jsonl(download_80 / "data" / "okvqa" / "train_500.jsonl")
    rows = by_line(adopted_rows(adopted_80, f"okvqa-{code}"))
    assert sorted(rows) == list(range(1, 13))
    for number, row in rows.items():
        assert row.row.lang == code
        assert row.row.instruction == instruction
        assert row.row.inputs == f"{question} {number - 1}"
        assert row.row.outputs == answer
        assert row.images == (published.image(299 + number),)
        meta = json.loads(row.row.meta)
        assert meta["question_id"] == image_rows[number - 1]["question_id"]


def test_translated_texts_beyond_the_image_file(download_80: Path, adopted_80: Path) -> None:
    reports = adopt_all(download_80, adopted_80)
    assert reports["okvqa-ar/train"].image_file == "okvqa/train_500.jsonl"
    winoground = reports["winoground-zh/test"]
    assert (winoground.rows, winoground.rejects) == (4, {"no_image_row": 1})


def test_translated_texts_without_images_fail(download_80: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(download_80, copy)
    for path in (copy / "data" / "okvqa").glob("*_500.jsonl"):
        path.unlink()
    failures = adopt_tasks(copy, Build(sources=copy, out=tmp_path / "out", plan=PLAN), "okvqa-ar")
    assert len(failures) == 2
    for failure in failures:
        assert isinstance(failure, Failure)
        assert "no images for these texts" in str(failure.error)


def test_too_many_rejects_fail_the_unit(download: Path, tmp_path: Path) -> None:
    build = Build(sources=download, out=tmp_path, plan=replace(PLAN, max_reject_share=0.1))
    (failure,) = adopt_tasks(download, build, "gqa")
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, RejectShareError)


@pytest.mark.parametrize("step", ["scan_job", "adopted_task"])
def test_a_bug_is_raised_with_the_name_of_the_unit(
    download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(f"m3it_builder.adopt.run.{step}", fail)
    build = Build(sources=download, out=tmp_path, plan=PLAN)
    with pytest.raises(ZeroDivisionError) as error:
        adopt_tasks(download, build, "mocheg")
    assert error.value.__notes__ == ["while working on mocheg/train"]
