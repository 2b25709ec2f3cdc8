"""Loading a build with the usual libraries: every image of every row is there."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from PIL import Image

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.tasks.registry import Task
from m3it_builder.tasks.sampling import write_sample
from tests.support import mixed
from tests.support.paths import ALL

TASKS = ("mixed", "okvqa", "coco", "nlvr", "nlvr-synthetic")
# Other kinds of tasks than photographs with English questions.
KINDS = {
    "refcoco-locate": "regions drawn on the images",
    "flickr8k-cn": "Chinese",
    "msrvtt-qa": "frames of videos",
    "science-qa": "rows without an image",
}
SMALL = PipelineFile.model_validate({"output": {"format": ("webdataset",), "shard_mb": 0.03}})


def task_named(name: str) -> Task:
    return mixed.TASK if name == "mixed" else load_task(name)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build every task in every format, with images as bytes and as base64."""
    out = tmp_path_factory.mktemp("built")
    for name in TASKS:
        task = task_named(name)
        write_sample(task, out / "src" / name, 12)
        for images in ("bytes", "base64"):
            plan = Plan(file=SMALL, formats=ALL, images=images)
            work = Build(sources=out / "src" / name, out=out / images, plan=plan)
            for split in task.card.splits:
                work.unit(task, split)
    return out


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a task of one kind; return its folder."""
    name = str(request.param)
    if name == "msrvtt-qa":
        pytest.importorskip("av")
    task, out = load_task(name), tmp_path_factory.mktemp("kind")
    write_sample(task, out / "src", 8)
    plan = Plan(file=SMALL, formats=("parquet", "webdataset"))
    for split in task.card.splits:
        Build(sources=out / "src", out=out / "bytes", plan=plan).unit(task, split)
    return out / "bytes" / name


def expected_rows(built: Path, name: str) -> dict[str, list[BuiltRow]]:
    folder = built / "bytes" / name
    return {unit.split: list(read_rows(folder, unit)) for unit in manifests(folder)}


def pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    return image.size, image.tobytes()


def same(image: Any, data: bytes) -> bool:
    rgb = image.convert("RGB")
    return bool((rgb.size, rgb.tobytes()) == pixels(data))


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("folder", ["", "parquet", "webdataset", "jsonl"])
@pytest.mark.parametrize("name", TASKS)
def test_load_dataset(built: Path, name: str, folder: str, streaming: bool) -> None:
    import datasets

    loaded = datasets.load_dataset(str(built / "bytes" / name / folder), streaming=streaming)
    expected = expected_rows(built, name)
    assert set(loaded) == set(expected)
    for split, rows in expected.items():
        items = list(loaded[split])
        assert len(items) == len(rows)
        for item, row in zip(items, rows, strict=True):
            texts = item["json"] if folder == "webdataset" else item
            for column in ("id", "instruction", "inputs", "outputs", "license", "meta"):
                assert texts[column] == getattr(row.row, column)
            check_images(item, folder, row)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("folder", ["parquet", "webdataset"])
def test_load_dataset_of_each_kind(kind: Path, folder: str, streaming: bool) -> None:
    import datasets

    loaded = datasets.load_dataset(str(kind / folder), streaming=streaming)
    expected = expected_rows(kind.parent.parent, kind.name)
    assert set(loaded) == set(expected)
    counts, outputs = set(), ""
    for split, rows in expected.items():
        for item, row in zip(loaded[split], rows, strict=True):
            texts = item["json"] if folder == "webdataset" else item
            for column in ("id", "lang", "instruction", "inputs", "outputs", "meta"):
                assert texts[column] == getattr(row.row, column)
            check_images(item, folder, row)
            counts.add(len(row.images))
            outputs += row.row.outputs
    assert counts == {"msrvtt-qa": {8}, "science-qa": {0, 1}}.get(kind.name, {1})
    assert outputs.isascii() == (kind.name != "flickr8k-cn")


def check_images(item: dict[str, Any], folder: str, row: BuiltRow) -> None:
    if folder == "jsonl":
        decoded = tuple(base64.b64decode(text) for text in item["image_base64_str"])
        assert decoded == row.images, "the bytes of the source"
        return
    if folder == "webdataset":
        members = [item[key] for key in sorted(item) if key.endswith(".jpg") and item[key]]
        assert item["json"]["mimes"] == [image.mime for image in row.row.images]
    else:
        members = item["images"]
    assert len(members) == len(row.images)
    assert all(map(same, members, row.images))


@pytest.mark.parametrize("name", TASKS)
def test_load_from_disk_memory_mapped(built: Path, name: str) -> None:
    import datasets

    loaded = datasets.load_from_disk(str(built / "bytes" / name / "arrow"))
    for split, rows in expected_rows(built, name).items():
        assert loaded[split].cache_files, "memory-mapped, not copied into memory"
        for item, row in zip(loaded[split], rows, strict=True):
            assert item["id"] == row.row.id
            assert len(item["images"]) == len(row.images)
            assert all(map(same, item["images"], row.images))


@pytest.mark.parametrize("name", TASKS)
def test_webdataset_library(built: Path, name: str) -> None:
    import webdataset

    for split, rows in expected_rows(built, name).items():
        shards = sorted(map(str, (built / "bytes" / name / "webdataset").glob(f"{split}-*.tar")))
        samples = list(webdataset.WebDataset(shards, shardshuffle=False))
        assert len(samples) == len(rows)
        assert len({sample["__key__"] for sample in samples}) == len(rows)
        for sample, row in zip(samples, rows, strict=True):
            assert json.loads(sample["json"])["id"] == row.row.id
            members = tuple(sample[f"{n}.jpg"] for n in range(len(row.images)))
            assert members == row.images, "byte for byte"
            assert f"{len(row.images)}.jpg" not in sample


@pytest.mark.parametrize("name", TASKS)
def test_duckdb_reads_parquet_and_index(built: Path, name: str) -> None:
    folder = built / "bytes" / name
    for split, rows in expected_rows(built, name).items():
        selected = duckdb.execute(
            "SELECT id, outputs, len(images), list_sum([octet_length(i.bytes) for i in images])"
            f" FROM read_parquet('{folder}/parquet/{split}-*.parquet')"
        ).fetchall()
        expected = [
            (r.row.id, r.row.outputs, len(r.images), sum(map(len, r.images)) or None) for r in rows
        ]
        assert sorted(selected) == sorted(expected)


@pytest.mark.parametrize("images", ["bytes", "base64"])
@pytest.mark.parametrize("name", TASKS)
def test_jsonl_consumer_of_the_old_loader(built: Path, name: str, images: str) -> None:
    """Read the four fields as consumers of M3IT's loader do, first image only."""
    for split, rows in expected_rows(built, name).items():
        lines = [
            json.loads(line)
            for path in sorted((built / images / name / "jsonl").glob(f"{split}-*.jsonl"))
            for line in path.open(encoding="utf-8")
        ]
        assert len(lines) == len(rows)
        for line, row in zip(lines, rows, strict=True):
            for field in ("instruction", "inputs", "outputs"):
                assert isinstance(line[field], str)
                assert line[field] == getattr(row.row, field)
            assert isinstance(line["image_base64_str"], list)
            if row.images:
                image = base64.b64decode(line["image_base64_str"][0], validate=True)
                assert image == row.images[0]


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("folder", ["parquet", "webdataset", "jsonl"])
def test_base64_everywhere(built: Path, folder: str, streaming: bool) -> None:
    import datasets

    loaded = datasets.load_dataset(str(built / "base64" / "mixed" / folder), streaming=streaming)
    for split, rows in expected_rows(built, "mixed").items():
        for item, row in zip(loaded[split], rows, strict=True):
            texts = item["json"] if folder == "webdataset" else item
            decoded = tuple(base64.b64decode(text) for text in texts["image_base64_str"])
            assert decoded == row.images


def test_parquet_layout_suits_the_hub(built: Path) -> None:
    import pyarrow.parquet as pq

    for path in (built / "bytes" / "mixed" / "parquet").glob("*.parquet"):
        file = pq.ParquetFile(path)
        assert b"huggingface" in file.schema_arrow.metadata
        for group in range(file.num_row_groups):
            meta = file.metadata.row_group(group)
            columns = [meta.column(n) for n in range(meta.num_columns)]
            by_name = {column.path_in_schema: column for column in columns}
            images = by_name["images.list.element.bytes"]
            assert images.compression == "UNCOMPRESSED"
            assert "PLAIN_DICTIONARY" not in images.encodings
            assert by_name["id"].has_offset_index
            assert meta.total_byte_size < 64 << 20
