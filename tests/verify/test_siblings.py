"""Faults of siblings and of their bases, each found by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3it_builder.build.builder import Build
from m3it_builder.verify.run import VerifyOptions, verify
from tests.support.siblings import NAME, build_base, build_sibling
from tests.support.verifying import PLAN, counts, task_named


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("siblings")
    out = build_base(folder)
    build_sibling(out)
    return folder


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built / "out", tmp_path / "out"))


def edit_index(folder: Path, change: Callable[[list[dict[str, object]]], None]) -> None:
    """Change the rows of an index, shard by shard as a build writes them."""
    path = folder / "meta/train/index.parquet"
    table = pq.read_table(path, partitioning=None)
    rows = table.to_pylist()
    change(rows)
    shards = sorted({row["shard"] for row in rows})
    with pq.ParquetWriter(path, table.schema) as writer:
        for shard in shards:
            own = [row for row in rows if row["shard"] == shard]
            writer.write_table(pa.Table.from_pylist(own, schema=table.schema))


def found(out: Path) -> dict[str, int]:
    return counts(verify(out, VerifyOptions()))


def test_clean(out: Path) -> None:
    assert found(out) == {}


def test_a_base_that_was_deleted(out: Path) -> None:
    shutil.rmtree(out / "mixed")
    assert found(out) == {"base": 1, "readme_files": 1}


def test_a_base_without_manifest(out: Path) -> None:
    (out / "mixed/meta/train/manifest.json").write_text("{")
    assert found(out)["base"] == 1


def test_a_base_that_was_rebuilt(out: Path, built: Path) -> None:
    plan = replace(PLAN, seed=8)
    Build(sources=built / "src/mixed", out=out, plan=plan, replace=True).unit(
        task_named("mixed"), "train"
    )
    assert found(out)["base"] == 1


def test_a_base_that_was_rebuilt_with_other_rows(out: Path, built: Path) -> None:
    plan = replace(PLAN, limit=5)
    Build(sources=built / "src/mixed", out=out, plan=plan, replace=True).unit(
        task_named("mixed"), "train"
    )
    findings = found(out)
    assert findings["base"] == 1
    assert findings["base_row"] >= 7


def test_a_row_that_the_base_does_not_have(out: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[0]["id"] = "another"

    edit_index(out / NAME, change)
    assert found(out)["base_row"] == 1


def test_a_wrong_digest_in_the_index(out: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        row = next(row for row in rows if row["images"])
        row["images"][0]["digest"] = "0" * 64  # type: ignore[index]

    edit_index(out / NAME, change)
    findings = found(out)
    assert findings["base_image"] == 1
    assert findings["image_differs"] == 4  # in each format


def test_a_missing_image(out: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        row = next(row for row in rows if len(row["images"]) == 3)  # type: ignore[arg-type]
        row["images"] = row["images"][:2]  # type: ignore[index]

    edit_index(out / NAME, change)
    assert found(out)["base_image"] == 1


def test_a_dangling_digest_in_a_shard(out: Path) -> None:
    path = next(path for path in sorted((out / NAME / "jsonl").glob("train-*.jsonl")))
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    lines[0]["image_ids"] = ["f" * 64]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert found(out)["image_differs"] == 1


def test_a_shard_without_digests(out: Path) -> None:
    path = next(path for path in sorted((out / NAME / "jsonl").glob("train-*.jsonl")))
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    del lines[0]["image_ids"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert found(out)["shard_schema"] == 1


def test_a_sentence_that_is_not_published(out: Path) -> None:
    def change(rows: list[dict[str, object]]) -> None:
        rows[0]["turns"][0]["said"] = "Something else."  # type: ignore[index]

    edit_index(out / NAME, change)
    assert found(out)["rendering"] == 1
