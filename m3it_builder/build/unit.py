"""One unit of work, a (task, split), and where its files lie."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.errors import BuildError
from m3it_builder.records import Split
from m3it_builder.tasks.registry import Task


@dataclass(frozen=True, slots=True)
class Unit:
    """A task and a split, below an output folder."""

    task: Task
    split: Split
    out: Path

    @property
    def name(self) -> str:
        """Return how people call it."""
        return f"{self.task.name}/{self.split}"

    @property
    def folder(self) -> Path:
        """Return the folder of the task: shards, README, meta."""
        return self.out / self.task.name

    @property
    def meta(self) -> Path:
        """Return the folder of index, rejects and manifest."""
        return self.folder / "meta" / self.split

    @property
    def state(self) -> Path:
        """Return the folder of local state."""
        return self.folder / STATE_FOLDER / self.split

    @property
    def work(self) -> Path:
        """Return the folder of unfinished work, which nothing can mistake for a build."""
        return self.state / "work"

    @property
    def spool(self) -> Path:
        """Return the path of the complete spool."""
        return self.work / "spool.sqlite"

    @property
    def ready(self) -> Path:
        """Return the mark that all shards are packed and are being moved into place."""
        return self.work / "ready"

    def clear_spool(self) -> None:
        """Drop the spool; packed shards stay, since each knows by itself what it was made of."""
        for name in ("spool.sqlite", "spool.partial", "stamp.json", "ready"):
            (self.work / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other builds out of this unit.

        Raises:
            BuildError: another process is building it.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        with (self.state / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BuildError(
                    f"{self.folder}: another process is building {self.name}"
                ) from error
            yield

    @contextlib.contextmanager
    def task_locked(self) -> Iterator[None]:
        """Wait for other splits of the task that are writing what all splits share."""
        with (self.state.parent / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def read_stamp(folder: Path) -> dict[str, Any]:
    """Return what a unit, or unfinished work, was made from; empty where nobody noted it."""
    try:
        value = json.loads((folder / "stamp.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_stamp(folder: Path, stamp: dict[str, Any]) -> None:
    """Note what a unit, or unfinished work, is made from."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "stamp.json.partial"
    partial.write_text(json.dumps(stamp, indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(folder / "stamp.json")
