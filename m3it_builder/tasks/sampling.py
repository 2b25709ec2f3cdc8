"""Synthetic sample data of tasks, written in the layouts of their official sources."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from m3it_builder.samples.world import World
from m3it_builder.tasks.registry import Task


def write_sample(task: Task, sources: Path, count: int, seed: int = 0) -> None:
    """Write the sample sources of one task.

    Args:
        task: task whose sample writer is used.
        sources: folder to write to; each source gets a subfolder named by its id.
        count: minimum number of examples per split.
        seed: random seed of the synthetic scenes.
    """
    task.sample(World(seed), sources, count)


def write_once(task: Task, folder: Path, count: int) -> Path:
    """Write the sample sources of a task, unless they exist already, and return their folder.

    Existing files are kept so that a repeated build finds its sources unchanged.
    """
    from m3it_builder.version import __version__

    target = folder / task.card.name
    marker = target / "sample.json"
    parameters = json.dumps({"rows": count, "version": __version__})
    if not marker.exists() or marker.read_text(encoding="utf-8") != parameters:
        shutil.rmtree(target, ignore_errors=True)
        write_sample(task, target, count)
        marker.write_text(parameters, encoding="utf-8")
    return target
