"""Adoption of a published download: nothing of it is lost, and what comes out is a build."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from m3it_builder.adopt.fields import OddRow, unify
from m3it_builder.adopt.file_names import read_name
from m3it_builder.adopt.json_spans import Span, parse, plain
from m3it_builder.adopt.layout import find
from m3it_builder.adopt.pools import read_labels, read_pool
from m3it_builder.adopt.published import language, published, task_of
from m3it_builder.adopt.report import UnitReport
from m3it_builder.adopt.run import Failure, adopt
from m3it_builder.audits.runner import audit, query
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.errors import RejectShareError, SourceError
from m3it_builder.sources.base64_span import decode_span
from tests.support import published as samples
from tests.support.command import assert_one_line, run_m3it
from tests.support.paths import ALL, tree

SMALL = PipelineFile.model_validate({"output": {"format": ("webdataset",), "shard_mb": 0.01}})
PLAN = Plan(file=SMALL, formats=ALL, max_reject_share=1.0)


@pytest.fixture(scope="module")
def download(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.write_m3it(tmp_path_factory.mktemp("M3IT"))


@pytest.fixture(scope="module")
def download_80(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return samples.write_m3it_80(tmp_path_factory.mktemp("M3IT-80"))


def run(
    folder: Path, out: Path, *tasks: str, plan: Plan = PLAN, **more: Any
) -> dict[str, UnitReport]:
    """Adopt some tasks, or all; every unit must come through."""
    layout = find(folder)
    parts = [part for part in layout.parts if not tasks or part.task in tasks]
    outcomes = list(adopt(layout, parts, Build(sources=folder, out=out, plan=plan, **more)))
    assert not [one.error for one in outcomes if isinstance(one, Failure)]
    return {one.name: one for one in outcomes if isinstance(one, UnitReport)}


@pytest.fixture(scope="module")
def adopted(download: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    run(download, out)
    return out


@pytest.fixture(scope="module")
def adopted_80(download_80: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out80")
    run(download_80, out)
    return out


def rows_of(out: Path, task: str, split: str = "train") -> list[BuiltRow]:
    (unit,) = (unit for unit in manifests(out / task) if unit.split == split)
    return list(read_rows(out / task, unit))


def by_line(rows: list[BuiltRow]) -> dict[int, BuiltRow]:
    return {json.loads(row.texts["meta"])["adopted"]["line"]: row for row in rows}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_rows_and_images_are_the_published_ones(download: Path, adopted: Path) -> None:
    source = lines(download / "data" / "captioning" / "coco" / "train.jsonl")
    found = by_line(rows_of(adopted, "coco"))
    assert sorted(found) == list(range(1, 25))
    for number, row in found.items():
        wanted = source[number - 1]
        assert (row.texts["inputs"], row.texts["outputs"]) == ("", wanted["outputs"])
        assert row.images == (base64.b64decode(wanted["image_str"]),)
        assert row.texts["instruction"] in samples.POOL
        assert json.loads(row.texts["meta"])["image_id"] == wanted["image_id"]
        (image,) = row.texts["images"]
        assert image["source_digest"] == blake3(row.images[0]).hexdigest()
        assert image["name"] == f"data/captioning/coco/train.jsonl#{number}.0"
    (album,) = rows_of(adopted, "vist")
    assert album.images == tuple(samples.image(n, "PNG") for n in range(5))


def test_every_shape_of_row_is_understood(adopted: Path) -> None:
    science = by_line(rows_of(adopted, "science-qa"))
    texts = {n: (r.texts["inputs"], r.texts["outputs"], len(r.images)) for n, r in science.items()}
    assert texts == {
        1: ("No image?", "none", 0),
        2: ("Null?", "null", 0),
        3: ("Empty list?", "3", 0),
        4: ("No key?", "2.5", 0),
        5: ("One?", "true", 1),
        6: ("", "first", 1),
    }
    meta = json.loads(science[6].texts["meta"])
    assert meta["outputs"] == ["first", "second"]
    assert meta["nested"] == {"image_str": "no"}
    assert json.loads(science[5].texts["meta"])["kilt_id"] == "k5"
    (rephrased,) = rows_of(adopted, "coco-itm-rephrased")
    assert rephrased.texts["instruction"] == "Choose."
    assert rephrased.texts["inputs"] == "(A) a\n(B) b"
    assert rephrased.texts["outputs"] == "It is (A)."
    assert json.loads(rephrased.texts["meta"])["src"] == 9
    classes = [row.texts["outputs"] for row in by_line(rows_of(adopted, "imagenet")).values()]
    assert sorted(classes) == sorted(["tench", "goldfish", "shark"] * 2)


def test_every_line_is_a_row_or_a_reject(download: Path, adopted: Path) -> None:
    report = run(download, adopted)["gqa/train"]
    assert report.status == "up to date"
    assert report.rejects == samples.HOSTILE_REJECTS
    assert report.lines == report.rows + sum(report.rejects.values()) == 36
    table = pq.read_table(adopted / "gqa" / "meta" / "train" / "rejects.parquet").to_pylist()
    places = {row["reason"]: row["id"] for row in table if row["stage"] == "convert"}
    assert places["bad_base64"] == "data/vqa/gqa/train.jsonl:30"
    assert places["not_an_object"] == "data/vqa/gqa/train.jsonl:34"
    rows = by_line(rows_of(adopted, "gqa"))
    assert rows[25].images == (samples.image(60),), "escaped slashes and plus signs"
    assert rows[26].images == (samples.image(61),), "a line break within"
    assert rows[27].images == (samples.image(62),), "a data URI"


def test_current_files_are_told_from_superseded_ones(download: Path, adopted: Path) -> None:
    parts = {part.name: part for part in find(download).parts}
    chosen = {name: (part.rows, part.superseded) for name, part in parts.items()}
    assert chosen["vqa-v2/train"] == ("vqa/vqav2/train_v2.jsonl", ("vqa/vqav2/train.jsonl",))
    assert chosen["fm-iqa/train"] == ("vqa/fm-iqa/para_train.jsonl", ("vqa/fm-iqa/train.jsonl",))
    assert chosen["a-okvqa/train"] == ("vqa/a-okvqa/train.jsonl", ("vqa/a-okvqa/train_v2.jsonl",))
    assert chosen["coco-itm/train"] == ("classification/itm/train.jsonl", ())
    assert parts["coco/validation"].rows == "captioning/coco/val.jsonl"
    assert find(download).unread == ("vqa/okvqa/leftovers.jsonl",)
    reports = run(download, adopted)
    assert "superseded and not read: vqa/vqav2/train.jsonl" in reports["vqa-v2/train"].notes
    mine = reports["birds-of-mine/train"]
    assert mine.notes == ("no task of the published collection has this name",)
    assert (mine.license, mine.published) == ("unknown", None)


def test_report(download: Path, adopted: Path) -> None:
    report = run(download, adopted)["coco/train"]
    assert (report.published, report.images, report.distinct_images) == (566_747, 24, 24)
    assert report.fields == {
        "image_str": {"images": 24},
        "outputs": {"outputs": 24},
        "image_id": {"meta": 24},
    }
    assert sum(one["rows"] for one in report.instructions) == 24
    assert report.instructed == 0
    assert report.license == "CC-BY-4.0"


@pytest.mark.parametrize("folder", ["parquet", "webdataset", "jsonl"])
def test_datasets_loads_it(adopted: Path, folder: str) -> None:
    import datasets

    for task, splits in (
        ("coco", {"train", "validation", "test"}),
        ("vist", {"train", "validation"}),
    ):
        loaded = datasets.load_dataset(str(adopted / task / folder))
        assert set(loaded) == splits
        for split in splits:
            wanted = rows_of(adopted, task, split)
            for got, row in zip(loaded[split], wanted, strict=True):
                texts = got["json"] if folder == "webdataset" else got
                assert texts["id"] == row.texts["id"]
                assert texts["outputs"] == row.texts["outputs"]
                assert _count(got, folder) == len(row.images)


def _count(got: Mapping[str, Any], folder: str) -> int:
    if folder == "webdataset":
        return sum(got[f"{n}.jpg"] is not None for n in range(5) if f"{n}.jpg" in got)
    return len(got["images" if folder == "parquet" else "image_base64_str"])


def test_audits_and_sql_work_on_it(adopted: Path) -> None:
    findings = {finding.audit: finding for finding in audit(adopted)}
    faults = [f.audit for f in findings.values() if f.count and f.level == "fault"]
    assert faults == []
    assert findings["count_against_card"].count > 5
    (count,) = query(adopted, "SELECT count(*) FROM instances WHERE task = 'coco'").rows[0]
    assert count == 36


def test_ids_speak_of_content_alone(download: Path, adopted: Path, tmp_path: Path) -> None:
    """Other order of lines, other name of the file, other spelling of base64: the same ids."""
    other = tmp_path / "elsewhere"
    folder = other / "data" / "captioning" / "coco"
    source = lines(download / "data" / "captioning" / "coco" / "train.jsonl")
    random.Random(3).shuffle(source)
    spelt = [json.dumps(row).replace("/", "\\/").encode() for row in source]
    samples.write_lines(folder / "coco_train.jsonl", [*spelt, b"", spelt[0]])
    samples.write_pool(folder)
    report = run(other, tmp_path / "out", "coco")["coco/train"]
    assert report.rejects == {"duplicate_row": 1}
    mine = {row.texts["id"]: row for row in rows_of(tmp_path / "out", "coco")}
    theirs = {row.texts["id"]: row for row in rows_of(adopted, "coco")}
    assert mine.keys() == theirs.keys()
    for row_id, row in mine.items():
        assert row.images == theirs[row_id].images
        assert row.texts["instruction"] == theirs[row_id].texts["instruction"]


def test_ids_tell_apart_what_differs(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    row = {"image_str": samples.text(1), "inputs": "a", "outputs": "b"}
    changes: list[dict[str, Any]] = [{}, {"inputs": "c"}, {"outputs": "c"}, {"question_id": 1}]
    changes += [{"question_id": 2}, {"image_str": samples.text(2)}, {"instruction": "Own."}]
    samples.write_lines(folder / "train.jsonl", [{**row, **change} for change in changes])
    samples.write_lines(folder / "val.jsonl", [row])
    samples.write_pool(folder)
    run(tmp_path, tmp_path / "out")
    ids = [
        r.texts["id"] for s in ("train", "validation") for r in rows_of(tmp_path / "out", "gqa", s)
    ]
    assert len(ids) == len(set(ids)) == 8


def test_workers_change_nothing(
    download: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ("coco", "gqa")
    assert run(download, tmp_path / "one", *tasks)["coco/train"].shards > 8
    monkeypatch.setattr("m3it_builder.adopt.scan_all._WORTH_A_PROCESS", 0)
    run(download, tmp_path / "two", *tasks, workers=2)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_interrupted_at_any_step_it_goes_on(
    download: Path, adopted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m3it_builder.adopt import scan
    from m3it_builder.adopt import scan_all as survey
    from m3it_builder.build import builder as building
    from m3it_builder.build import commit as finish

    def stops(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    for module, name in ((scan, "asdict"), (building, "pack"), (finish, "merge"),
                         (finish, "write_manifest")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(module, name, stops)
            with pytest.raises(KeyboardInterrupt):
                run(download, tmp_path, "coco")
        assert list(manifests(tmp_path / "coco")) == [], name
    monkeypatch.setattr(survey, "scan", stops)  # the one scan of train is whole, and kept
    layout = find(download)
    train = [part for part in layout.parts if part.name == "coco/train"]
    list(adopt(layout, train, Build(sources=download, out=tmp_path, plan=PLAN)))
    monkeypatch.undo()
    run(download, tmp_path, "coco")
    assert tree(tmp_path / "coco") == tree(adopted / "coco")


def test_changed_file_is_noticed(download: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(download, own)
    run(own, tmp_path / "out", "mocheg")
    with (own / "data/classification/mocheg/mocheg_train.jsonl").open("a") as file:
        file.write(json.dumps({"image_str": samples.text(9), "input": "c", "output": "d"}) + "\n")
    layout = find(own)
    parts = [part for part in layout.parts if part.task == "mocheg"]
    work = Build(sources=own, out=tmp_path / "out", plan=PLAN)
    (failure,) = adopt(layout, parts, work)
    assert isinstance(failure, Failure)
    assert "mocheg_train.jsonl" in str(failure.error)
    assert "--replace" in str(failure.error)
    assert run(own, tmp_path / "out", "mocheg", replace=True)["mocheg/train"].rows == 2


@pytest.mark.parametrize("code", ["zh", "ar", "he", "ja"])
def test_translated_sets_meet_their_images(download_80: Path, adopted_80: Path, code: str) -> None:
    instruction, question, answer = samples.LANGUAGES[code]
    companion = lines(download_80 / "data" / "okvqa" / "train_500.jsonl")
    rows = by_line(rows_of(adopted_80, f"okvqa-{code}"))
    assert sorted(rows) == list(range(1, 13))
    for number, row in rows.items():
        assert row.texts["lang"] == code
        assert row.texts["instruction"] == instruction
        assert row.texts["inputs"] == f"{question} {number - 1}"
        assert row.texts["outputs"] == answer
        assert row.images == (samples.image(299 + number),)
        meta = json.loads(row.texts["meta"])
        assert meta["question_id"] == companion[number - 1]["question_id"]


def test_translated_sets_report(download_80: Path, adopted_80: Path) -> None:
    reports = run(download_80, adopted_80)
    assert reports["okvqa-ar/train"].published == 500
    assert reports["okvqa-ar/train"].image_file == "okvqa/train_500.jsonl"
    ground = reports["winoground-zh/test"]  # the file says zho_Hans
    assert (ground.lang, ground.rows, ground.rejects) == ("zh", 4, {"no_image_row": 1})
    assert any("5 texts and 4 rows of images" in note for note in ground.notes)
    scans = adopted_80 / ".m3it" / "adopt" / "scans"
    assert len(list(scans.glob("*.rows"))) == 8 + 2 + 2, "images are scanned once for all"


def test_texts_without_their_images(download_80: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(download_80, own)
    for path in (own / "data" / "okvqa").glob("*_500.jsonl"):
        path.unlink()
    layout = find(own)
    parts = [part for part in layout.parts if part.task == "okvqa-ar"]
    outcomes = list(adopt(layout, parts, Build(sources=own, out=tmp_path / "out", plan=PLAN)))
    assert len(outcomes) == 2
    for outcome in outcomes:
        assert isinstance(outcome, Failure)
        assert "the images of these texts are not beside it" in str(outcome.error)


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_packed_files_give_the_same_rows(
    download: Path, adopted: Path, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "data" / "captioning" / "coco"
    folder.mkdir(parents=True)
    plain_files = download / "data" / "captioning" / "coco"
    for name in ("train", "val", "test"):
        data = (plain_files / f"{name}.jsonl").read_bytes()
        if kind == "gz":
            (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(data))
        else:
            with zipfile.ZipFile(folder / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"inner/{name}.jsonl", data)
    samples.write_pool(folder)
    run(tmp_path, tmp_path / "out")
    for split in ("train", "validation", "test"):
        ours, theirs = rows_of(tmp_path / "out", "coco", split), rows_of(adopted, "coco", split)
        assert [row.texts["id"] for row in ours] == [row.texts["id"] for row in theirs]
        assert [row.images for row in ours] == [row.images for row in theirs]
    assert run(tmp_path, tmp_path / "out")["coco/train"].status == "up to date"


def test_another_download_is_not_taken_for_the_first(tmp_path: Path) -> None:
    """Packed files are unpacked beside links to plain ones; these may not outlive a download."""
    lines = [{"image_str": samples.text(n), "inputs": "a", "outputs": str(n)} for n in range(3)]
    for name in ("old", "new"):
        folder = tmp_path / name / "data" / "vqa" / "gqa"
        samples.write_lines(folder / "train.jsonl", lines)
        plain = folder / "train.jsonl"
        (folder / "train.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
        (folder / "instructions.json").write_text(json.dumps([f"The {name} instruction."]))
    run(tmp_path / "old", tmp_path / "out")
    (tmp_path / "old").rename(tmp_path / "moved away")
    run(tmp_path / "new", tmp_path / "out", replace=True)
    rows = rows_of(tmp_path / "out", "gqa", "train")
    assert {row.texts["instruction"] for row in rows} == {"The new instruction."}


def test_a_key_of_our_own_name_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    row = {"image_str": samples.text(1), "inputs": "a", "outputs": "b", "adopted": {"x": 1}}
    samples.write_lines(folder / "train.jsonl", [row])
    samples.write_pool(folder)
    run(tmp_path, tmp_path / "out")
    (kept,) = rows_of(tmp_path / "out", "gqa", "train")
    meta = json.loads(kept.texts["meta"])
    assert meta["adopted_"] == {"x": 1}
    assert meta["adopted"]["line"] == 1


@pytest.mark.parametrize("inside", ["data", "data/vqa", "data/vqa/gqa", "hub"])
def test_part_of_a_download(download: Path, tmp_path: Path, inside: str) -> None:
    folder = download / inside
    if inside == "hub":
        folder = tmp_path / "datasets--x"
        (folder / "snapshots" / "0abc").mkdir(parents=True)
        (folder / "snapshots" / "0abc" / "data").symlink_to(download / "data")
    names = {part.name: part for part in find(folder).parts}
    assert names["gqa/train"].rows == "vqa/gqa/train.jsonl"
    assert ("coco/train" in names) == (inside in ("data", "hub"))


def test_lfs_pointer_stops_its_own_unit_alone(download: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(download / "data" / "captioning", own / "data" / "captioning")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    (own / "data" / "captioning" / "coco" / "val.jsonl").write_text(pointer)
    done = run_m3it("adopt", own, "--out", tmp_path / "out")
    assert_one_line(done, 1, "val.jsonl: a git-LFS pointer", "git lfs pull")
    assert {unit.split for unit in manifests(tmp_path / "out" / "coco")} == {"train", "test"}
    report = json.loads((tmp_path / "out" / "adopt-report.json").read_text())
    assert [failure["unit"] for failure in report["failures"]] == ["coco/validation"]


def test_command(download: Path, tmp_path: Path) -> None:
    done = run_m3it("adopt", download, "-o", tmp_path, "--task", "gqa", "--json")
    assert_one_line(done, 3, "8 of 36 examples were rejected", "bad_json 2")
    words = ("adopt", download, "-o", tmp_path, "--task", "gqa", "--max-reject-share", "1")
    done = run_m3it(*words, "--json", "--images", "base64", "-f", "parquet", "--limit", "5")
    assert done.returncode == 0, done.stderr
    (unit,) = json.loads(done.stdout)
    assert (unit["rows"], unit["rejects"]["over_limit"]) == (5, 23)
    done = run_m3it("adopt", download, "-o", tmp_path, "--task", "coco", "--split", "test")
    assert done.returncode == 0, done.stderr
    listed = json.loads((tmp_path / "adopt-report.json").read_text())["units"]
    assert [(unit["task"], unit["split"]) for unit in listed] == [
        ("coco", "test"),
        ("gqa", "train"),
    ]
    text = (tmp_path / "adopt-report.md").read_text()
    assert "| coco | test | 6 | 6 | 25,010 |" in text
    assert "adopted from the published M3IT" in (tmp_path / "coco" / "README.md").read_text()
    assert run_m3it("audit", tmp_path).returncode == 0


def test_usage(download: Path, tmp_path: Path) -> None:
    for words in (("--task", "cocoo"), ("--split", "dev"), ("--task", "gqa", "--split", "test")):
        done = run_m3it("adopt", download, "-o", tmp_path, *words)
        assert done.returncode == 2, done.stderr
    (tmp_path / "empty").mkdir()
    done = run_m3it("adopt", tmp_path / "empty", "-o", tmp_path)
    assert_one_line(done, 1, "is no download of M3IT", "{train,val,test}.jsonl")
    assert_one_line(run_m3it("adopt", tmp_path / "none", "-o", tmp_path), 1, "is no folder")


def test_reject_share(download: Path, tmp_path: Path) -> None:
    layout = find(download)
    parts = [part for part in layout.parts if part.task == "gqa"]
    work = Build(sources=download, out=tmp_path, plan=replace(PLAN, max_reject_share=0.1))
    (failure,) = adopt(layout, parts, work)
    assert isinstance(failure, Failure)
    assert isinstance(failure.error, RejectShareError)


@pytest.mark.parametrize(
    ("content", "pool"),
    [
        ('["One.", " Two. ", "One.", ""]', ("One.", "Two.")),
        ('"One."\n"Two."\n', ("One.", "Two.")),
        ('{"instruction": "One."}\n{"instruction": "Two."}\n', ("One.", "Two.")),
        ('{"okvqa": ["One."], "vqa-v2": ["Other."]}', ("One.",)),
        (
            '{"task": "okvqa", "instruction": "One."}\n{"task": "vist", "instruction": "X"}',
            ("One.",),
        ),
    ],
)
def test_pools(tmp_path: Path, content: str, pool: tuple[str, ...]) -> None:
    path = tmp_path / "instructions.json"
    path.write_text(content)
    assert read_pool(path, "okvqa") == pool


@pytest.mark.parametrize("content", ["", "[]", "[1]", "{", "version https://git-lfs.github.com/"])
def test_bad_pools(tmp_path: Path, content: str) -> None:
    path = tmp_path / "instructions.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"instructions\.json: "):
        read_pool(path, "okvqa")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "n01440764 cat\nn01443537 dog\n"),
        ("labels.txt", "cat\ndog\n\n"),
        ("labels.json", '["cat", "dog"]'),
        ("labels.json", '{"1": "dog", "0": "cat"}'),
        ("labels.json", '{"dog": 1, "cat": 0}'),
    ],
)
def test_class_names(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_labels(tmp_path / name) == ("cat", "dog")


def test_published_table() -> None:
    table = published()
    assert len(table.languages) == 80
    totals = {s: 0 for s in ("train", "validation", "test")}
    for known in table.tasks.values():
        for split, rows in (known.rows or {}).items():
            totals[split] += rows
    assert totals["train"] == 1_592_320
    assert len(table.tasks) == 42
    assert sum(known.held_out for known in table.tasks.values()) == 13
    folders = {"vqav2": "vqa-v2", "visual_dialog": "visual-dialog", "itm": "coco-itm",
               "science_qa": "science-qa", "birds": None}  # fmt: skip
    assert {folder: task_of(folder) for folder in folders} == folders
    assert [language(c) for c in ("zh", "zho_Hans", "arb_Arab", "xho_Latn", "small")] == [
        "zh", "zh", "ar", "xho-Latn", None]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["instructions.jsonl", "leftovers.jsonl", "train.txt", "x_train_y.jsonl"]
)
def test_other_files_are_no_rows(name: str) -> None:
    assert read_name(f"vqa/okvqa/{name}") is None


def unified(row: Any, line: bytes | None = None) -> Any:
    line = line or json.dumps(row).encode()
    return unify(line, parse(line))


def test_a_second_image_is_no_meta() -> None:
    row = {"image_str": "A" * 5_000, "image_base64_str": ["B" * 5_000], "img": "name.jpg"}
    fields = unified({**row, "outputs": "x", "long": "y" * 70_000, "kept": "z" * 5_000})
    assert len(fields.images) == 1
    assert fields.meta == {"img": "name.jpg", "kept": "z" * 5_000}
    assert fields.roles["image_str"] == fields.roles["long"] == "left out, too long"


def test_long_numbers_are_not_rounded() -> None:
    fields = unified({"outputs": "x", "id": 9_007_199_254_740_993, "more": 12345678901234567890})
    assert fields.meta == {"id": 9_007_199_254_740_993, "more": 12345678901234567890}
    assert unified(None, b'{"answer": 1, "score": NaN}').outputs == "1"


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": ' * 100_000,
        b'{"a": "x\\',
        b'"' * 1_001,
        '{"inputs": "x"}'.encode("utf-16"),
        b'{"inputs": "\xff"} {}',
        b"",
        b"\0",
        b'{"a": "x" "b"}',
        b'["x": "y"]',
    ],
)
def test_broken_lines(line: bytes) -> None:
    with pytest.raises((ValueError, OddRow)):
        unify(line, parse(line))


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "vqa" / "gqa"
    image = samples.text(1).encode()
    rows = [
        b'{"img_str": "%b", "output": "b", "deep": %b1%b}' % (image, b"[" * depth, b"]" * depth)
        for depth in (100, 300, 900, 970, 980, 985, 990, 1_000, 1_100, 5_000)
    ]
    good = {"image_str": samples.text(1), "inputs": "a", "outputs": "b"}
    samples.write_lines(folder / "train.jsonl", [*rows, good])
    samples.write_pool(folder)
    report = run(tmp_path, tmp_path / "out")["gqa/train"]
    assert (report.lines, report.rows) == (11, 2)
    assert report.rejects.keys() == {"damaged_text", "bad_json"}


# Strings that look like everything a scanner may stumble over.
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet='"\\/{}[]:,\n\t \u00e9\u4e2d\u0623'),
    st.sampled_from(['"image_base64_str": "AAAA"', "\\", '\\"', "data:image/png;base64,AA==", "0"]),
    st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()),
)
KEYS = st.one_of(st.sampled_from(["image_base64_str", "image_str", "inputs", "meta", "0"]), TEXTS)
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False), TEXTS
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
DUMPS = st.sampled_from(
    [
        lambda value: json.dumps(value).encode(),
        lambda value: json.dumps(value, ensure_ascii=False, indent=1).encode(),
        lambda value: json.dumps(value, separators=(" ,\t", "\r : ")).encode(),
        lambda value: json.dumps(value).replace("/", "\\/").encode(),
    ]
)


@settings(max_examples=400, deadline=None)
@given(VALUES, DUMPS)
def test_scanner_reads_what_a_parser_reads(value: Any, dump: Any) -> None:
    line = dump(value)
    assert plain(line, parse(line)) == json.loads(line)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.lists(st.binary(min_size=1, max_size=300), max_size=4),
    DUMPS,
)
def test_spans_are_the_images(others: dict[str, Any], images: list[bytes], dump: Any) -> None:
    """However a row is written, and whatever stands beside them, images come out as they are."""
    row = {**others, "image_base64_str": [base64.b64encode(data).decode() for data in images]}
    line = dump(row)
    tree = parse(line)
    assert all(isinstance(span, Span) for span in tree["image_base64_str"])
    found = [decode_span(line[span.start : span.end]) for span in tree["image_base64_str"]]
    assert found == images == [base64.b64decode(text) for text in row["image_base64_str"]]


@settings(max_examples=200, deadline=None)
@given(VALUES, st.data())
def test_a_cut_or_changed_line_is_never_misread(value: Any, data: st.DataObject) -> None:
    """A line that is no JSON is refused with ValueError, and nothing else is raised."""
    line = bytearray(json.dumps(value).encode())
    place = data.draw(st.integers(0, len(line) - 1))
    line[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=2))
    try:
        wanted = json.loads(line.decode())
    except ValueError:
        with pytest.raises(ValueError):
            plain(bytes(line), parse(bytes(line)))
    else:
        assert repr(plain(bytes(line), parse(bytes(line)))) == repr(wanted)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_any_row_is_unified_or_refused(value: Any) -> None:
    line = json.dumps(value).encode()
    try:
        fields = unify(line, parse(line))
    except OddRow as odd:
        assert odd.reason in ("not_an_object", "odd_field", "damaged_text")
    else:
        assert set(fields.roles) >= set(value) - {"meta"}
        json.dumps(fields.meta)


@pytest.mark.parametrize("text", ["AAA", "A===", "AA=A", "é", "AA AA=", "image.jpg"])
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_span(text.encode())


def _write_many(root: Path, count: int) -> Path:
    folder = root / "data" / "vqa" / "vqav2"
    rows = (
        {"id": n, "image_str": samples.text(n % 50), "question": f"{n}?", "answer": "a"}
        for n in range(count)
    )
    samples.write_lines(folder / "train.jsonl", rows)
    samples.write_pool(folder)
    return root


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    from tests.build.test_endurance import peak_kilobytes

    peaks = {}
    for count in (5_000, 50_000):
        root = _write_many(tmp_path / str(count), count)
        words = [sys.executable, "-m", "m3it_builder", "adopt", str(root), "--workers", "1"]
        peaks[count] = peak_kilobytes([*words, "--out", str(tmp_path / f"out{count}")])
    assert peaks[50_000] <= 1.3 * peaks[5_000], peaks


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path: Path) -> None:
    """Kill the whole process group again and again; what comes out at last is as if never."""
    root = _write_many(tmp_path / "src", 6_000)
    words = [
        sys.executable,
        "-m",
        "m3it_builder",
        "adopt",
        str(root),
        "-f",
        "parquet",
        "-f",
        "jsonl",
    ]
    began = time.monotonic()
    subprocess.run([*words, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    whole = time.monotonic() - began
    dice = random.Random(8)
    command = [*words, "--out", str(tmp_path / "out")]
    for _ in range(10):
        process = subprocess.Popen(
            command,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=dice.uniform(0.1, whole))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    subprocess.run(command, check=True, capture_output=True)
    assert tree(tmp_path / "out" / "vqa-v2") == tree(tmp_path / "whole" / "vqa-v2")
