"""Tasks with planted duplicates, built and compared."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.cards.cards import SplitCard
from m3it_builder.dedup import DedupOptions, find_duplicates
from m3it_builder.samples.files import write_bytes
from m3it_builder.tasks.registry import Task
from tests.support.mixed import TASK as MIXED


@dataclass(frozen=True)
class Row:
    """A row to build: its id, its encoded images, question and answer."""

    id: str
    images: tuple[bytes, ...] = ()
    question: str = ""
    answer: str = "yes"


def scene(number: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Return an image of soft blotches, different forevery number."""
    cells = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def encode(image: Image.Image, image_format: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def make_task(sources: Path, name: str, **splits: Sequence[Row]) -> Task:
    """Return a task of the given rows, with their images written below a source folder."""
    for split, rows in splits.items():
        for number, row in enumerate(rows):
            for position, data in enumerate(row.images):
                write_bytes(sources / "mixed-files" / f"{name}-{split}-{number}-{position}", data)
    write_bytes(sources / "mixed-files" / "not-empty", b"")

    def convert(source: Source) -> Iterator[Record | Reject]:
        for number, row in enumerate(splits[source.split]):
            prefix = f"mixed-files/{name}-{source.split}-{number}"
            yield Record(
                id=row.id,
                turns=(Turn(row.question, row.answer),),
                images=tuple(source.image(f"{prefix}-{p}") for p in range(len(row.images))),
            )

    cards = {split: SplitCard(rows=len(rows)) for split, rows in splits.items()}
    card = MIXED.card.model_copy(update={"name": name, "splits": cards})
    return replace(MIXED, name=name, card=card, convert=convert)


def build_tasks(tmp_path: Path, tasks: Sequence[Task], out: str = "out", **plan: Any) -> Path:
    """Build all splits of some tasks and return the output folder."""
    work = Build(sources=tmp_path / "src", out=tmp_path / out, plan=Plan(**plan))
    for task in tasks:
        for split in task.card.splits:
            work.unit(task, split)
    return tmp_path / out


def compare(tmp_path: Path, *builds: Path, **options: Any) -> dict[str, Any]:
    """Search builds for duplicates, with the report in ``tmp_path/report``."""
    return find_duplicates(
        DedupOptions(builds=builds, report_folder=tmp_path / "report", **options)
    )


def shared_counts(report: dict[str, Any]) -> dict[tuple[str, str, str], tuple[int, int, int]]:
    """Return pairs, left rows and right rows, by left unit, right unit and kind."""
    return {
        (counts["left"], counts["right"], counts["kind"]):
        (counts["pairs"], counts["left_rows"], counts["right_rows"])
        for counts in report["shared"]
    }  # fmt: skip


def drop_reasons(tmp_path: Path) -> dict[tuple[str, str, str], str]:
    """Return the drop list as reasons, by task, split and id; both files must be equal."""
    rows = pq.read_table(tmp_path / "report" / "drop.parquet").to_pylist()
    lines = (tmp_path / "report" / "drop.jsonl").read_text().splitlines()
    assert rows == [json.loads(line) for line in lines]
    return {(row["task"], row["split"], row["id"]): row["reason"] for row in rows}
