"""Run the stages of the text phase over one source, without a build."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.build.plan import Plan
from m3it_builder.build.text_phase import finish, read_records
from m3it_builder.records import Instance, Reject, Split
from m3it_builder.samples.world import World
from m3it_builder.tasks.opening import open_source
from m3it_builder.tasks.registry import Task

WORLD = World(width=48, height=36)


def convert(
    task: Task, split: Split, sources: Path
) -> tuple[list[Instance], list[tuple[str, str]]]:
    """Return all instances of a source, and (id, reason) of its rejects."""
    rejects: list[tuple[str, str]] = []

    def sink(_: str, reject: Reject) -> None:
        rejects.append((reject.id, reject.reason))

    records = read_records(task, open_source(task, split, sources), Plan(), sink)
    return list(finish(records, task, split, Plan(), sink)), rejects
