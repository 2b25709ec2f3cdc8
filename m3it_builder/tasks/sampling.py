"""Synthetic sample data of tasks, written in the layouts of their official sources."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from m3it_builder.errors import BuildError
from m3it_builder.progress import Progress, Silent
from m3it_builder.samples.world import World
from m3it_builder.tasks.registry import Task

_REPORT_EVERY = 50  # scenes


def sample_folder(out: Path, card: str) -> Path:
    """Return the folder of the sample sources that a build writes for the task of a card."""
    return out / ".m3it-sample" / card


def write_sample(
    task: Task, sources: Path, count: int, seed: int = 0, progress: Progress | None = None
) -> None:
    """Write the sample sources of one task.

    Args:
        task: task whose sample writer is used.
        sources: folder to write to; each source gets a subfolder named by its id.
        count: minimum number of examples per split.
        seed: random seed of the synthetic scenes.
        progress: receives the number of scenes drawn.

    Raises:
        BuildError: the task has no sample writer.
    """
    if task.sample is None:
        raise BuildError(
            f"{task.name} has no sample writer; build it from its official files with --source, or "
            "pass a writer to task_from_folder"
        )
    scenes = _Scenes(progress or Silent())
    scenes.progress.start(f"{task.name} sample data", None)
    try:
        task.sample(World(seed, drawn=scenes.count), sources, count)
        scenes.report()
    finally:
        scenes.progress.finish()


class _Scenes:
    """Counts the scenes drawn, and reports them in batches."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._new = 0

    def count(self) -> None:
        self._new += 1
        if self._new == _REPORT_EVERY:
            self.report()

    def report(self) -> None:
        self.progress.advance(self._new)
        self._new = 0


def write_once(task: Task, out: Path, count: int, progress: Progress | None = None) -> Path:
    """Write the sample sources of a task, unless they exist already, and return their folder.

    Existing files are kept so that a repeated build finds its sources unchanged.

    Args:
        task: task whose sample writer is used.
        out: output folder of the build.
        count: minimum number of examples per split.
        progress: receives the number of scenes drawn.
    """
    from m3it_builder.version import __version__

    target = sample_folder(out, task.card.name)
    marker = target / "sample.json"
    parameters = json.dumps({"rows": count, "version": __version__})
    if not marker.exists() or marker.read_text(encoding="utf-8") != parameters:
        shutil.rmtree(target, ignore_errors=True)
        write_sample(task, target, count, progress=progress)
        marker.write_text(parameters, encoding="utf-8")
    return target
