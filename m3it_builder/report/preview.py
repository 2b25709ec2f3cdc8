"""Preview rows of a task, from its sample source, or of a finished build."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

from m3it_builder.build.plan import Plan
from m3it_builder.build.text_phase import finish, read_records
from m3it_builder.dataset.manifest import manifests, task_folders
from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.errors import BuildError
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


def built_rows(build: Path, split: Split | str | None, count: int) -> list[BuiltRow]:
    """Return rows at regular intervals over one split of every task of a build.

    Args:
        build: output folder, or the folder of one task in it.
        split: by default, the first of each task; tasks without it are left out.
        count: number of rows per task.

    Raises:
        BuildError: there is no finished build, or it cannot be read.
    """
    rows: list[BuiltRow] = []
    found = False
    for folder in task_folders(build):
        units = [unit for unit in manifests(folder) if split in (None, unit.split)]
        for unit in units[:1]:
            found = True
            wanted = min(count, unit.instances)
            rows += read_rows(folder, unit, [unit.instances * n // wanted for n in range(wanted)])
    if not found:
        raise BuildError(f"{build}: no finished build of split {split} found")
    return rows
