"""Every layout that a source card lists gives the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from m3it_builder import load_task
from m3it_builder.records import Split
from m3it_builder.samples.files import write_bytes
from m3it_builder.tasks.registry import Task, task_names, variants_of
from tests.support.conversion import convert
from tests.support.paths import FIXTURES


def layouts() -> Iterator[Any]:
    """Yield every layout of the source cards of all tasks, once."""
    yielded: set[tuple[str, int]] = set()
    for fixture in task_names():
        base = load_task(fixture)
        for task in (base, *variants_of(base)):
            names = {name for split in task.card.splits for name in task.card.sources_of(split)}
            for name in sorted(names):
                for number, layout in enumerate(task.sources[name].layouts):
                    if (name, number) not in yielded:
                        yielded.add((name, number))
                        label = f"{name}:{layout.official or '.'}>{layout.actual or '.'}"
                        yield pytest.param(fixture, task, name, number, id=label)


@pytest.mark.parametrize(("fixture", "task", "name", "number"), list(layouts()))
def test_other_layouts_give_the_same_rows(
    fixture: str, task: Task, name: str, number: int, tmp_path: Path
) -> None:
    original, copy = FIXTURES / fixture / "source", tmp_path / "src"
    layout, moved = task.sources[name].layouts[number], 0
    for path in sorted(path for path in original.rglob("*") if path.is_file()):
        relative = path.relative_to(original).as_posix()
        start = f"{name}/{layout.official}"
        if relative.startswith(start):
            relative = f"{name}/{layout.actual.replace('*', 'top')}{relative[len(start) :]}"
            moved += 1
        write_bytes(copy / relative, path.read_bytes())
    assert moved, "the fixture has files that the layout moves"
    for split in task.card.splits:
        assert outcome(task, split, copy) == outcome(task, split, original)


def outcome(task: Task, split: Split, sources: Path) -> tuple[Any, ...]:
    rows, rejects = convert(task, split, sources)
    names = [[image.name for image in row.record.images] for row in rows]
    return [(row.record.id, row.inputs, row.outputs) for row in rows], names, rejects
