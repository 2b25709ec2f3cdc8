"""The README of a sibling: its code runs as it stands, and finds every image."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import datasets
import duckdb
import polars
import pytest
import webdataset
from blake3 import blake3

from m3it_builder.build.sibling_inputs import Sibling
from m3it_builder.build.transformation import TemplateAnswers
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.reader import read_rows
from tests.support.siblings import NAME, build_base, build_sibling
from tests.support.verifying import PLAN

Images = dict[str, tuple[bytes, ...]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = build_base(tmp_path_factory.mktemp("join"))
    build_sibling(out)
    return out


@pytest.fixture(scope="module")
def expected(out: Path) -> Images:
    (unit,) = (unit for unit in manifests(out / "mixed") if unit.split == "train")
    return {row.row.id: row.images for row in read_rows(out / "mixed", unit)}


def blocks(out: Path, language: str) -> list[str]:
    """Return the code blocks of the part of the README that is about images."""
    text = (out / NAME / "README.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text.partition("## Fetch the images")[2], re.S)


def test_rows_have_0_to_3_images(expected: Images) -> None:
    assert {len(images) for images in expected.values()} == {0, 1, 2, 3}


def test_python_blocks_run(out: Path) -> None:
    code = blocks(out, "python")
    assert len(code) == 2
    for block in code:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=out, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "The answer is" in done.stdout


def test_datasets_with_transform(
    out: Path, expected: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out)
    names: dict[str, datasets.Dataset] = {}
    exec(blocks(out, "python")[0], names)  # noqa: S102 - our own README
    names["base"] = names["base"].cast_column("images", datasets.List(datasets.Image(decode=False)))
    rows = {row["id"]: tuple(one["bytes"] for one in row["images"]) for row in names["rows"]}
    assert rows == expected


def test_duckdb(out: Path, expected: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(out)
    (query,) = blocks(out, "sql")
    query = query.replace("SELECT ", "SELECT id, ", 1)
    rows = duckdb.execute(query).fetchall()
    found = {row[0]: tuple(one["bytes"] for one in row[-1]) for row in rows}
    assert found == expected


def test_polars(out: Path, expected: Images) -> None:
    texts, base = (polars.read_parquet(out / task / "parquet/train-*") for task in (NAME, "mixed"))
    joined = texts.select("id", "outputs").join(base.select("id", "images"), on="id")
    rows = joined.rows(named=True)
    assert {row["id"]: tuple(one["bytes"] for one in row["images"]) for row in rows} == expected


def test_webdataset_shard_by_shard(out: Path, expected: Images) -> None:
    found: Images = {}
    for path in sorted((out / NAME / "webdataset").glob("train-*.tar")):
        base = webdataset.WebDataset(str(out / "mixed/webdataset" / path.name), shardshuffle=False)
        own = webdataset.WebDataset(str(path), shardshuffle=False)
        for texts, images in zip(own.decode(), base, strict=True):
            assert texts["__key__"] == images["__key__"]
            members = sorted(name for name in images if name.endswith(".jpg"))
            found[texts["json"]["id"]] = tuple(images[name] for name in members)
    assert found == expected


@pytest.mark.parametrize("name", ["webdataset", "parquet", "arrow", "jsonl"])
def test_each_format_loads_alone(out: Path, name: str) -> None:
    folder = str(out / NAME / name)
    if name == "arrow":
        rows = datasets.load_from_disk(folder)["train"]
    else:
        rows = datasets.load_dataset(folder, split="train")
    rows = [row["json"] for row in rows] if name == "webdataset" else list(rows)
    assert {len(row["image_ids"]) for row in rows} == {0, 1, 2, 3}


def test_the_whole_build_loads_by_config(out: Path) -> None:
    rows = datasets.load_dataset(str(out), NAME, split="train")
    assert set(rows.column_names) >= {"id", "outputs", "image_ids"}


@pytest.mark.parametrize("formats", [("jsonl",), ("webdataset",), ("arrow",)])
def test_readmes_of_other_formats(tmp_path: Path, formats: tuple[str, ...]) -> None:
    plan = replace(PLAN, formats=formats)  # type: ignore[arg-type]
    out = build_base(tmp_path, plan=plan)
    build_sibling(out, plan=plan)
    code = blocks(out, "python")
    assert len(code) == (0 if formats == ("jsonl",) else 1)
    for block in code:
        subprocess.run([sys.executable, "-c", block], cwd=out, check=True, capture_output=True)
    assert not blocks(out, "sql")
    assert "`image_ids`" in (out / NAME / "README.md").read_text()


def test_a_base_with_base64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = build_base(tmp_path, plan=replace(PLAN, images="base64"))
    build_sibling(out)
    (unit,) = (unit for unit in manifests(out / "mixed") if unit.split == "train")
    expected = {
        row.row.id: [base64.b64encode(data).decode() for data in row.images]
        for row in read_rows(out / "mixed", unit)
    }
    monkeypatch.chdir(out)
    for block in blocks(out, "python"):
        done = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    texts = {text for images in expected.values() for text in images}
    assert any(text in done.stdout for text in texts), "of the last block, WebDataset"
    (query,) = blocks(out, "sql")
    rows = duckdb.execute(query.replace("SELECT ", "SELECT id, ", 1)).fetchall()
    assert {row[0]: row[-1] for row in rows} == expected


def test_without_a_common_format(tmp_path: Path) -> None:
    out = build_base(tmp_path, plan=replace(PLAN, formats=("webdataset",)))
    build_sibling(out, plan=replace(PLAN, formats=("parquet",)))
    assert "Build `mixed` and this set as Parquet" in (out / NAME / "README.md").read_text()


def test_rows_with_five_images(tmp_path: Path) -> None:
    out = build_base(tmp_path, 6, "vist")
    build_sibling(out, Sibling("vist-rephrased", "vist", TemplateAnswers()))
    rows = duckdb.execute(
        f"SELECT id, image_ids, images FROM '{out}/vist-rephrased/parquet/train-*.parquet' "
        f"JOIN '{out}/vist/parquet/train-*.parquet' USING (id)"
    ).fetchall()
    assert len(rows) == 6
    for _, ids, images in rows:
        assert len(ids) == 5
        assert [blake3(image["bytes"]).hexdigest() for image in images] == ids
    (unit,) = (unit for unit in manifests(out / "vist-rephrased") if unit.split == "train")
    assert {len(row.images) for row in read_rows(out / "vist-rephrased", unit)} == {5}
