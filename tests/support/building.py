"""Helpers of the tests that build: small shards, tasks without files, interruptions."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from m3it_builder import Record, Reject, Source, Turn, load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.build.report import Report
from m3it_builder.cards.cards import SplitCard
from m3it_builder.dataset.manifest import Manifest, manifests
from m3it_builder.tasks.registry import Task
from tests.support.paths import ALL

SMALL_SHARDS = PipelineFile.model_validate({"output": {"shard_mb": 0.04}})
PLAN = Plan(file=SMALL_SHARDS, formats=ALL)
TEXT_PLAN = replace(PLAN, formats=("jsonl",))  # for rows without images
IMAGES = "coco-2014-train-images"
QUESTIONS = "okvqa-annotations/OpenEnded_mscoco_train2014_questions.json"
ANNOTATIONS = "okvqa-annotations/mscoco_train2014_annotations.json"


def build(
    sources: Path, out: Path, plan: Plan = PLAN, task: Task | str = "okvqa", **options: Any
) -> Report:
    """Build the train split of a task."""
    if isinstance(task, str):
        task = load_task(task)
    return Build(sources=sources, out=out, plan=plan, **options).unit(task, "train")


def built_unit(out: Path, task: str = "okvqa") -> Manifest:
    """Return the manifest of the only finished unit of a task."""
    (unit,) = manifests(out / task)
    return unit


def index_rows(out: Path, task: str = "okvqa") -> list[dict[str, Any]]:
    """Return the index of the train split in order."""
    rows: list[dict[str, Any]] = pq.read_table(
        out / task / "meta/train/index.parquet", partitioning=None
    ).to_pylist()
    return rows


def reject_rows(out: Path, task: str = "okvqa") -> list[dict[str, str]]:
    """Return the rejects of the train split."""
    rows: list[dict[str, str]] = pq.read_table(
        out / task / "meta/train/rejects.parquet", partitioning=None
    ).to_pylist()
    return rows


def images_of(sources: Path) -> list[Path]:
    """Return the image files of the train split of OK-VQA, sorted."""
    return sorted((sources / IMAGES).rglob("*.jpg"))


def archive_images(sources: Path, suffix: str) -> Path:
    """Put the images of the sample into an archive, and return it."""
    folder = sources / IMAGES
    archive = folder / f"train2014.{suffix}"
    files = images_of(sources)
    if suffix == "zip":
        with zipfile.ZipFile(archive, "w") as zip_file:
            for path in files:
                zip_file.write(path, path.relative_to(folder).as_posix())
    else:
        with tarfile.open(archive, "w") as tar:
            for path in files:
                tar.add(path, path.relative_to(folder).as_posix())
    shutil.rmtree(folder / "train2014")
    return archive


def zero_member(archive: Path, name: str, target: Path) -> None:
    """Copy a zip with the data of one member zeroed; its directory stays unchanged."""
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as file:
        member = file.getinfo(name)
    start = member.header_offset + 30 + len(name) + 10
    data[start : start + 300] = bytes(300)
    target.write_bytes(data)


def remove_row(sources: Path, row: int) -> None:
    """Remove one question and its answers from the annotations of OK-VQA."""
    for name, key in ((QUESTIONS, "questions"), (ANNOTATIONS, "annotations")):
        path = sources / name
        value = json.loads(path.read_text())
        del value[key][row]
        path.write_text(json.dumps(value))


def numbered_task(count: int, name: str = "numbers", **splits: Mapping[str, Any]) -> Task:
    """Return a task of ``count`` rows per split without images, with ids "0", "1", ...

    Args:
        count: number of examples per split.
        name: of the task.
        splits: values of ``SplitCard`` by split; by default train, all rows published.
    """

    def convert(_: Source) -> Iterator[Record | Reject]:
        for number in range(count):
            yield Record(id=str(number), turns=(Turn(f"{number}?", str(number)),))

    base = load_task("okvqa")
    cards = {
        split: SplitCard.model_validate({"rows": count, **values})
        for split, values in (splits or {"train": {}}).items()
    }
    card = base.card.model_copy(
        update={
            "name": name,
            "splits": cards,
            "images": base.card.images.model_copy(update={"min": 0}),
            "sources": {"okvqa-annotations": "all"},
        }
    )
    return replace(base, name=name, card=card, convert=convert)


def placeholder_sources(folder: Path) -> Path:
    """Return a source folder that is not empty, for tasks that read no file."""
    path = folder / "placeholders" / "okvqa-annotations" / "x"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path.parent.parent


def interrupt(*_: object, **__: object) -> None:
    """Replace a step of a build by an interruption."""
    raise KeyboardInterrupt
