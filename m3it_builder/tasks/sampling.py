"""Sample sources of tasks: the synthetic world, written in official layouts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from m3it_builder.samples.world import World
from m3it_builder.tasks.registry import Task


def write_sample(task: Task, sources: Path, count: int, seed: int = 0) -> None:
    """Write the sample source of one task.

    Args:
        task: whose official layout is written.
        sources: folder the ``<source_id>`` folders go into.
        count: examples a split, at the least.
        seed: of the world.
    """
    task.sample(World(seed), sources, count)


def write_once(task: Task, folder: Path, count: int) -> Path:
    """Write the sample source of a task below a folder, unless it lies there; return where.

    An unchanged source lets a second build see that nothing has changed.
    """
    from m3it_builder.version import __version__

    target = folder / task.card.name
    mark = target / "sample.json"
    made = json.dumps({"rows": count, "version": __version__})
    if not mark.exists() or mark.read_text(encoding="utf-8") != made:
        shutil.rmtree(target, ignore_errors=True)
        write_sample(task, target, count)
        mark.write_text(made, encoding="utf-8")
    return target
