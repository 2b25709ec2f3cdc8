"""Preview rows of a task, from its sample source, or of a finished build."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

from m3it_builder.build.plan import Plan
from m3it_builder.build.text_phase import finish, read_records
from m3it_builder.dataset.reader import BuiltRow, read_rows, read_units
from m3it_builder.records import JsonObject, Reject, Split
from m3it_builder.tasks.opening import open_source
from m3it_builder.tasks.registry import Task
from m3it_builder.tasks.sampling import write_sample


def sample_rows(task: Task, count: int) -> list[JsonObject]:
    """Return the texts and image names of the first rows of a task's sample source."""
    split = next(iter(task.card.splits))
    with tempfile.TemporaryDirectory(prefix="m3it-") as folder:
        write_sample(task, Path(folder), max(4, count))
        source = open_source(task, split, Path(folder))
        records = read_records(task, source, Plan(), _discard)
        rows = islice(finish(records, task, split, Plan(), _discard), count)
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


def _discard(stage: str, reject: Reject) -> None:
    """Ignore a reject: previews show rows only."""
    del stage, reject


def built_rows(task_folder: Path, split: Split | str | None, count: int) -> list[BuiltRow]:
    """Return rows at regular intervals over a split of a built task, by default its first.

    Raises:
        BuildError: there is no finished build.
    """
    unit = read_units(task_folder, split)[0]
    count = min(count, unit.instances)
    positions = [unit.instances * n // count for n in range(count)]
    return list(read_rows(task_folder, unit, positions))
