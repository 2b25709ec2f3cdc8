"""Translated sets of M3IT-80 as siblings of the set with their images."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder.build.builder import Build
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import Failure
from m3it_builder.verify.run import VerifyOptions, verify
from tests.support import published
from tests.support.adoption import PLAN, adopt_all, adopt_tasks, adopted_rows, by_line, read_jsonl
from tests.support.command import run_m3it

LANGUAGES = ("zh", "ar", "he", "ja")


def test_images_are_stored_once(adopted_80: Path) -> None:
    assert verify(adopted_80, VerifyOptions()).findings == ()
    base = {row.row.id for row in adopted_rows(adopted_80, "okvqa-m3it-80")}
    size = sum(unit.shard_bytes for unit in manifests(adopted_80 / "okvqa-m3it-80"))
    for lang in LANGUAGES:
        units = list(manifests(adopted_80 / f"okvqa-{lang}"))
        assert [unit.sibling.base for unit in units if unit.sibling] == ["okvqa-m3it-80"] * 2
        assert {row.row.id for row in adopted_rows(adopted_80, f"okvqa-{lang}")} == base
        assert sum(unit.shard_bytes for unit in units) < size / 2


def test_the_base_has_the_english_rows(adopted_80: Path) -> None:
    rows = by_line(adopted_rows(adopted_80, "okvqa-m3it-80"))
    assert [rows[n].row.outputs for n in range(1, 13)] == [f"A{n}." for n in range(12)]
    assert all(row.row.instruction for row in rows.values())


def test_files_with_images_only(tmp_path: Path) -> None:
    folder = published.write_m3it_80(tmp_path / "M3IT-80") / "data" / "okvqa"
    for path in folder.glob("*_500.jsonl"):
        rows = [{"image_str": row["image_str"]} for row in read_jsonl(path)]
        rows[1] = rows[0]  # two questions about one image
        published.write_lines(path, rows)
    out = tmp_path / "out"
    reports = adopt_all(tmp_path / "M3IT-80", out)
    assert reports["okvqa-m3it-80/train"].rows == 12
    assert reports["okvqa-ar/train"].rows == 12
    (train, _) = manifests(out / "okvqa-m3it-80")
    assert train.options == {
        "adopted_from": "M3IT-80", "base_of_translations": True, "images_only": True}  # fmt: skip
    assert "images without texts" in (out / "okvqa-m3it-80/README.md").read_text()
    adopted = by_line(adopted_rows(out, "okvqa-ar"))
    assert [adopted[n].row.inputs[-2:].strip() for n in (1, 2, 12)] == ["0", "1", "11"]
    assert adopted[1].images == adopted[2].images
    assert verify(out, VerifyOptions()).findings == ()


def test_one_language_brings_its_base(download_80: Path, tmp_path: Path) -> None:
    done = run_m3it("adopt", str(download_80), "--task", "okvqa-zh", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = sorted(path.parent.parent.parent.name
                   for path in tmp_path.glob("build/*/meta/train/manifest.json"))  # fmt: skip
    assert found == ["okvqa-m3it-80", "okvqa-zh"]


@pytest.mark.parametrize("images", ["bytes", "base64"])
def test_embedded(download_80: Path, tmp_path: Path, images: str) -> None:
    words = ("adopt", str(download_80), "--task", "okvqa-zh", "--images", images, "-f", "jsonl")
    done = run_m3it(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "build/okvqa-m3it-80").exists()
    lines = [
        json.loads(line)
        for path in (tmp_path / "build/okvqa-zh/jsonl").glob("train-*")
        for line in path.read_bytes().splitlines()
    ]
    assert len(lines) == 12
    assert all(len(line["image_base64_str"]) == 1 for line in lines)


def test_changed_texts_make_it_stale(download_80: Path, tmp_path: Path) -> None:
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(download_80, copy)
    adopt_all(copy, out)
    path = copy / "data/okvqa/okvqa_train_ar.jsonl"
    rows = read_jsonl(path)
    published.write_lines(path, [{**rows[0], "outputs": "x"}, *rows[1:]])
    build = Build(sources=copy, out=out, plan=PLAN)
    results = adopt_tasks(copy, build, "okvqa-m3it-80", "okvqa-ar")
    assert [getattr(one, "status", "failed") for one in results] == [
        "up to date", "up to date", "failed", "up to date"]  # fmt: skip
    assert "the transformation" in str(results[2].error)  # type: ignore[union-attr]
    reports = adopt_all(copy, out, "okvqa-m3it-80", "okvqa-ar", replace=True)
    assert reports["okvqa-ar/train"].rows == 12


def test_limited(download_80: Path, tmp_path: Path) -> None:
    build = Build(sources=download_80, out=tmp_path, plan=replace(PLAN, limit=5))
    results = adopt_tasks(download_80, build, "okvqa-m3it-80", "okvqa-ar")
    train = {one.task: one for one in results if one.split == "train"}  # type: ignore[union-attr]
    assert {one.rows for one in train.values()} == {5}  # type: ignore[union-attr]
    assert train["okvqa-ar"].rejects == {"over_limit": 7}  # type: ignore[union-attr]


def test_a_changed_file_of_images(download_80: Path, tmp_path: Path) -> None:
    """Texts are never put beside images of another version of the file."""
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(download_80, copy)
    adopt_all(copy, out, "okvqa-m3it-80", "okvqa-zh")
    folder = copy / "data/okvqa"
    for name in ("train_500.jsonl", "okvqa_train_ar.jsonl"):
        published.write_lines(folder / name, reversed(read_jsonl(folder / name)))
    build = Build(sources=copy, out=out, plan=PLAN)
    results = adopt_tasks(copy, build, "okvqa-m3it-80", "okvqa-ar")
    errors = {one.unit: str(one.error) for one in results if isinstance(one, Failure)}
    assert sorted(errors) == ["okvqa-ar/train", "okvqa-m3it-80/train"]
    assert "which was not adopted" in errors["okvqa-ar/train"]
    (alone,) = adopt_tasks(copy, build, "okvqa-ar")[:1]
    assert isinstance(alone, Failure)
    assert "another version of the file with the images" in str(alone.error)
    assert not (out / "okvqa-ar/meta/train/manifest.json").exists()


def test_texts_with_images_of_their_own(download_80: Path, tmp_path: Path) -> None:
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(download_80, copy)
    path = copy / "data/okvqa/okvqa_train_ar.jsonl"
    rows = [{**row, "image_str": published.b64(700 + n)} for n, row in enumerate(read_jsonl(path))]
    published.write_lines(path, rows)
    adopt_all(copy, out)
    adopted = by_line(adopted_rows(out, "okvqa-ar"))
    assert [adopted[n + 1].images for n in range(12)] == [
        (published.image(700 + n),) for n in range(12)
    ]


def test_english_rows_do_not_decide_over_translations(download_80: Path, tmp_path: Path) -> None:
    copy, out = tmp_path / "copy", tmp_path / "out"
    shutil.copytree(download_80, copy)
    path = copy / "data/okvqa/train_500.jsonl"
    rows = read_jsonl(path)
    rows[3]["outputs"] = rows[4]["outputs"] = ""
    rows[6] = rows[5]
    published.write_lines(path, rows)
    reports = adopt_all(copy, out)
    assert reports["okvqa-ar/train"].rows == reports["okvqa-m3it-80/train"].rows == 12
    assert verify(out, VerifyOptions()).findings == ()


def test_rephrasing_an_unknown_language(download_80: Path, tmp_path: Path) -> None:
    words = ("adopt", str(download_80), "--task", "okvqa-ar", "--images", "bytes", "-f", "jsonl")
    run_m3it(*words, cwd=tmp_path)
    done = run_m3it("build", "-t", "okvqa-ar-rephrased", cwd=tmp_path)
    assert "has rows in ar; answers can be rephrased in en, zh only" in done.stderr
    assert "Traceback" not in done.stderr
