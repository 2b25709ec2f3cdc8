"""Synthetic sample data of tasks, written in the layouts of their official sources."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from m3it_builder.errors import BuildError
from m3it_builder.executors.local import run
from m3it_builder.progress import Progress, Silent
from m3it_builder.samples.world import World
from m3it_builder.tasks.registry import SampleWriter, Task, load_task
from m3it_builder.tasks.sample_folders import (
    Run,
    files_in,
    move_files,
    move_in,
    require_free,
)

_REPORT_EVERY = 50  # scenes
_MARKER = "sample.json"  # in the folder of a sample that is complete


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
    writer = _require_writer(task)
    scenes = _Scenes(progress or Silent())
    scenes.progress.start(f"{task.name} sample data", None)
    try:
        writer(World(seed, drawn=scenes.count), sources, count)
        scenes.report()
    finally:
        scenes.progress.finish()


def _require_writer(task: Task) -> SampleWriter:
    if task.sample is None:
        raise BuildError(
            f"{task.name} has no sample writer; build it from its official files with --source, or "
            "pass a writer to task_from_folder"
        )
    return task.sample


def write_samples(tasks: Sequence[Task], out: Path, count: int, seed: int = 0) -> None:
    """Write the sample sources of several tasks beside others, as ``m3it sample`` does.

    Folders of earlier samples are replaced, or added to if other tasks share them and all files
    are determined by the same count and seed. Nothing is changed in any other folder.

    Args:
        tasks: whose sample writers are used; they may share sources.
        out: folder to create the folders of the sources in.
        count: minimum number of examples per split.
        seed: random seed of the synthetic scenes.

    Raises:
        BuildError: a folder has files that are not of an earlier sample, or a sample of other
            tasks, count or seed; then nothing is written. Or a task has no sample writer.
    """
    from m3it_builder.version import __version__

    run = Run(tuple(sorted({task.card.name for task in tasks})), count, seed, __version__)
    for task in tasks:
        _require_writer(task)
    for source in sorted({source for task in tasks for source in task.sources}):
        require_free(out, source, run)  # early, as drawing takes minutes
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".m3it-sample-", dir=out) as name:
        for task in tasks:
            write_sample(task, Path(name), count, seed)
        staged = sorted(Path(name).iterdir())
        for folder in staged:  # the writer of a package may write other folders than it lists
            require_free(out, folder.name, run)
        for folder in staged:
            move_in(folder, out, run)


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

    Existing files are kept so that a repeated build finds its sources unchanged; those that were
    deleted since are written again.

    Args:
        task: task whose sample writer is used.
        out: output folder of the build.
        count: minimum number of examples per split.
        progress: receives the number of scenes drawn.
    """
    from m3it_builder.version import __version__

    target = sample_folder(out, task.card.name)
    missing = _missing(target, count)
    if missing is None:
        shutil.rmtree(target, ignore_errors=True)
        write_sample(task, target, count, progress=progress)
        marker = _Complete(count, __version__, tuple(files_in(target)))
        (target / _MARKER).write_bytes(msgspec.json.encode(marker))
    elif missing:
        with tempfile.TemporaryDirectory(dir=target.parent) as name:
            write_sample(task, Path(name), count, progress=progress)
            move_files(Path(name), target, missing)
    return target


class _Complete(msgspec.Struct, frozen=True):
    """The marker of a sample that was written completely."""

    rows: int
    version: str  # of this package
    files: tuple[str, ...]  # paths relative to the folder


def _missing(folder: Path, count: int) -> list[str] | None:
    """Return the files of a sample that have been deleted; None if it is another one, or none."""
    from m3it_builder.version import __version__

    try:
        marker = msgspec.json.decode((folder / _MARKER).read_bytes(), type=_Complete)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if (marker.rows, marker.version) != (count, __version__):
        return None
    return sorted(set(marker.files) - files_in(folder).keys())


def _is_written(task: Task, out: Path, count: int) -> bool:
    return _missing(sample_folder(out, task.card.name), count) == []


def write_all_once(
    tasks: Sequence[Task], out: Path, count: int, workers: int, progress: Progress
) -> list[Path]:
    """Write the sample sources of several tasks, unless they exist; return their folders.

    Args:
        tasks: tasks and variants; those of one card share a folder.
        out: output folder of the build.
        count: minimum number of examples per split.
        workers: number of worker processes.
        progress: receives the number of scenes drawn, or of tasks if several are written.
    """
    missing = {task.card.name: task for task in tasks if not _is_written(task, out, count)}
    for task in missing.values():
        _require_writer(task)
    if workers > 1 and len(missing) > 1:
        jobs = [_SampleJob(name, out, count) for name in missing]
        progress.start("sample data", len(jobs), "units")
        try:
            for _ in run(_write_one, jobs, workers):
                progress.advance(1)
        finally:
            progress.finish()
    return [write_once(task, out, count, progress) for task in tasks]


@dataclass(frozen=True, slots=True)
class _SampleJob:
    task: str  # name of a card
    out: Path
    count: int


def _write_one(job: _SampleJob) -> None:
    write_once(load_task(job.task), job.out, job.count)
