"""The README of a whole build: one config per task, for ``load_dataset(OUT, "okvqa")``.

It covers every finished unit in the output folder, whichever command built it. Several
commands may build into one folder, so it is written under a lock, from the manifests that
exist at that time. A unit is withdrawn under the same lock, after the README is written
without it: at no time does the README describe a unit that has no manifest. Writing it reads
all manifests, so a command that builds many units writes it twice: before the first, without
those that are to be replaced, and after the last.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from blake3 import blake3

from m3it_builder.dataset.layout import MANIFEST, STATE_FOLDER
from m3it_builder.dataset.manifest import Manifest, readable_manifests
from m3it_builder.dataset.readme import README, config_entries, document
from m3it_builder.errors import M3ITError
from m3it_builder.records import SPLITS, Split
from m3it_builder.shards.formats import FORMATS
from m3it_builder.storage.atomic import remove_partials, sync_folder, write_atomic
from m3it_builder.storage.regular_files import open_regular

_CITATION = "[arXiv 2306.04387](https://arxiv.org/abs/2306.04387)"
_HERE = "path/to/this/folder"
_MARK = "\n<!-- written by m3it_builder; changed files are kept as they are; blake3 "
_MARK_END = " -->\n"
_INVALID = set("<>:/\\|?*[]")  # in names of configs, or with a meaning in file patterns
_PREFERRED = "parquet"  # read by every tool, and with declared features in the files

Tasks = Mapping[str, Sequence[Manifest]]  # finished units with rows, by name of the task


@contextlib.contextmanager
def build_locked(out: Path) -> Iterator[None]:
    """Lock the files that all tasks in an output folder share, waiting for other processes."""
    state = out / STATE_FOLDER
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_build_readme(out: Path, without: Collection[tuple[str, Split]] = ()) -> None:
    """Write, update or remove the README of an output folder; needs ``build_locked``.

    A README that no build wrote, or that was changed since, is left as it is.

    Args:
        out: the output folder.
        without: tasks and splits of units that are about to be withdrawn.
    """
    path = out / README
    if is_foreign_readme(path):
        return
    remove_partials(path)
    text = build_readme(built_tasks(out, without))
    if text is None:
        path.unlink(missing_ok=True)
    elif _read(path) != text:
        # Durable, because an empty file after a power cut would not be recognized as ours.
        write_atomic(path, text.encode(), fsync=True)
        sync_folder(out)


def is_foreign_readme(path: Path) -> bool:
    """Return True if there is something at this path that no build wrote exactly so."""
    if path.is_symlink():
        return True
    text = _read(path)
    return path.exists() if text is None else _marked(text.rpartition(_MARK)[0]) != text


def lists_task(out: Path, task: str) -> bool:
    """Return True if the README of an output folder has a config of this name."""
    text = _read(out / README) or ""
    entries = (f"\n- config_name: {name}\n" for name in (task, f"'{task}'"))
    return any(entry in text for entry in entries)


def built_tasks(
    out: Path, without: Collection[tuple[str, Split]] = ()
) -> dict[str, list[Manifest]]:
    """Return the finished units with rows, by task, in alphabetical order.

    A folder with another name than its task is left out: it may be a copy of another one. So is
    a task whose name cannot be that of a config: it would make all others unloadable.
    """
    tasks = {}
    for folder in sorted({path.parent.parent.parent for path in out.glob(f"*/meta/*/{MANIFEST}")}):
        units = [
            unit
            for unit in readable_manifests(folder)
            if unit.shards and unit.task == folder.name and (unit.task, unit.split) not in without
        ]
        if units and not _INVALID & set(folder.name):
            tasks[folder.name] = units
    return tasks


def common_format(tasks: Tasks) -> str:
    """Return the format of all configs: ``datasets`` has one reader per folder.

    It is Parquet if any task has it, else the one that most tasks have.
    """

    def rank(name: str) -> tuple[bool, int, int]:
        count = sum(bool(_with_format(units, name)) for units in tasks.values())
        return not (count and name == _PREFERRED), -count, FORMATS[name].loading_rank

    return min(FORMATS, key=rank)


def build_readme(tasks: Tasks) -> str | None:
    """Return the README of these tasks, a function of their manifests alone; None without tasks."""
    if not tasks:
        return None
    name = common_format(tasks)
    configs, infos = [], []
    for task, units in tasks.items():
        if chosen := _with_format(units, name):
            config, info = config_entries(chosen, name, task, f"{task}/{name}/")
            configs.append(config)
            infos.append(info)
    header: dict[str, Any] = {
        "pretty_name": "M3IT",
        "language": sorted(
            {tag for units in tasks.values() for unit in units for tag in unit.card.languages}
        ),
        "license": "other",
        "license_name": "one per task",
        "configs": configs,
        "dataset_info": infos,
    }
    return _marked(document(header, "\n".join(_text(tasks, name))))


def _with_format(units: Iterable[Manifest], name: str) -> list[Manifest]:
    return [unit for unit in units if name in unit.formats]


def _marked(text: str) -> str:
    return f"{text}{_MARK}{blake3(text.encode()).hexdigest(16)}{_MARK_END}"


def _read(path: Path) -> str | None:
    """Return the text of a regular file, or None if there is none that can be read."""
    try:
        with open_regular(path) as file:
            return file.read().decode()
    except (OSError, M3ITError, UnicodeDecodeError):
        return None


def _text(tasks: Tasks, name: str) -> Iterator[str]:
    first = next(task for task, units in tasks.items() if _with_format(units, name))
    samples = [task for task, units in tasks.items() if any(u.plan.sample for u in units)]
    yield "# M3IT\n"
    if samples:
        yield f"**Sample data**, synthetic scenes, in: {', '.join(samples)}.\n"
    yield (
        f"Tasks of the M3IT instruction-tuning collection ({_CITATION}). Every task is a config "
        "here, and a folder with its own README: sources, licenses, rejects.\n"
    )
    yield f"| task | {' | '.join(SPLITS)} | license of the annotations | of the images |"
    yield "|---|---:|---:|---:|---|---|"
    yield from (_table_row(task, units) for task, units in tasks.items())
    yield "\n## Load it\n"
    yield f'```python\nfrom datasets import load_dataset\n\nload_dataset("{_HERE}", "{first}")\n```'
    if missing := list(_missing(tasks, name)):
        yield f"\nConfigs have one format, {name}. These are not in it, and load by their own path:"
        yield "\n" + "\n".join(missing)


def _table_row(task: str, units: Sequence[Manifest]) -> str:
    rows = {unit.split: f"{unit.instances:,}" for unit in units}
    card = units[0].card
    cells = [f"[{task}]({task}/{README})", *(rows.get(split, "") for split in SPLITS)]
    return f"| {' | '.join([*cells, card.license, card.image_license])} |"


def _missing(tasks: Tasks, name: str) -> Iterator[str]:
    """Yield one line per task of which some splits do not have the common format."""
    for task, units in tasks.items():
        others = [unit for unit in units if name not in unit.formats]
        for other in FORMATS:
            if splits := [unit.split for unit in _with_format(others, other)]:
                loader = FORMATS[other].loader
                yield f'- {task}, {", ".join(splits)}: `{loader}("{_HERE}/{task}/{other}")`'
