"""One unit of work, a (task, split), and the paths of its files."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.errors import BuildError
from m3it_builder.records import Split


@dataclass(frozen=True, slots=True)
class Unit:
    """A task and a split, in an output folder."""

    task: str  # name
    split: Split
    out: Path

    @property
    def name(self) -> str:
        """Return the display name."""
        return f"{self.task}/{self.split}"

    @property
    def folder(self) -> Path:
        """Return the folder of the task: shards, README, meta."""
        return self.out / self.task

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
        """Return the folder of unfinished work, which no reader mistakes for a build."""
        return self.state / "work"

    @property
    def spool(self) -> Path:
        """Return the path of the complete spool."""
        return self.work / "spool.sqlite"

    @property
    def ready(self) -> Path:
        """Return the path of the commit marker: it exists while shards are moved into place."""
        return self.work / "ready"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the unit against other processes.

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
        """Lock the files that all splits of the task share, waiting for other processes."""
        with (self.state.parent / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
