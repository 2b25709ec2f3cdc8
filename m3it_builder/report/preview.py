"""A few rows to look at: of a task's sample source, or of a finished build."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

from m3it_builder.build.plan import Plan
from m3it_builder.build.text_phase import instances
from m3it_builder.dataset.reader import BuiltRow, read_rows, read_units
from m3it_builder.records import Split
from m3it_builder.sources.source import Source
from m3it_builder.tasks.registry import Task
from m3it_builder.tasks.sampling import write_sample


def sample_rows(task: Task, count: int) -> list[dict[str, Any]]:
    """Return the first rows of a task's sample source, as text; images by name."""
    split = next(iter(task.card.splits))
    with tempfile.TemporaryDirectory(prefix="m3it-") as folder:
        write_sample(task, Path(folder), max(4, count))
        source = Source(task, split, Path(folder))
        rows = islice(instances(task, source, Plan(), lambda *_: None), count)
        return [
            {
                "task": row.task,
                "split": row.split,
                "id": row.record.id,
                "instruction": row.instruction,
                "inputs": row.inputs,
                "outputs": row.outputs,
                "images": [image.name for image in row.record.images],
            }
            for row in rows
        ]


def built_rows(task_folder: Path, split: Split | str | None, count: int) -> list[BuiltRow]:
    """Return rows of a build, spread evenly over its first unit or the one asked for.

    Raises:
        BuildError: there is no finished build.
    """
    unit = read_units(task_folder, split)[0]
    count = min(count, unit.instances)
    places = [unit.instances * n // count for n in range(count)]
    return list(read_rows(task_folder, unit, places))
