"""Check tasks against the contract, and write their fixtures and expected rows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from m3it_builder.authoring.project import (
    find_project,
    is_checkout,
    project_of_installed,
    project_or_none,
)
from m3it_builder.cards.bundled import bundled
from m3it_builder.errors import CardError, ContractError, M3ITError, foreseen
from m3it_builder.tasks.installed import installed, package_of
from m3it_builder.tasks.registry import BUILT_IN, Task, broken_plugins, load_task
from m3it_builder.testing import EXPECTED, Checked, check_task
from m3it_builder.testing.builds import sample_source
from m3it_builder.testing.require import error_in_task


@dataclass(frozen=True, slots=True)
class Target:
    """A task to check: what it is loaded by, and where its fixture is."""

    name: str
    origin: str  # package of the task, or "" if the task is unknown
    load: Callable[[], Task]
    fixture: Path | None  # None: no folder is known, so nothing can be written


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of checking one task."""

    name: str
    origin: str
    result: str  # "passed", and what was compared or written; "failed"
    checked: Checked | None = None
    seconds: float = 0.0  # wall clock
    error: M3ITError | None = None


def find_targets(names: Sequence[str], folder: Path) -> list[Target]:
    """Return the tasks to check.

    Args:
        names: of tasks; if empty, those of the package in the folder or, without one, all
            tasks of installed packages.
        folder: the current one: of a package, a checkout of m3it_builder, or any other.

    Raises:
        CardError: ``pyproject.toml`` is malformed, or there is nothing to check.
    """
    project = find_project(folder)
    own = {entry.name: entry for entry in project.entries} if project else {}
    targets = []
    for name in dict.fromkeys(names) or own or _default_names(folder):
        if project and name in own:
            load = partial(project.load, own[name])
            targets.append(Target(name, project.name, load, project.fixture(name)))
        else:
            targets.append(_known_target(name, folder))
    if not targets:
        raise CardError(
            f"nothing to check: {folder.absolute()} is not the folder of a package with tasks, and "
            "none is installed; name a task, or create one with `m3it new NAME`"
        )
    return targets


def check_targets(targets: Sequence[Target], update: bool = False) -> Iterator[Outcome]:
    """Check tasks; yield the outcome of each when it is known.

    Args:
        targets: result of ``find_targets``.
        update: write fixtures that are missing, and ``expected.json``.
    """
    for target in targets:
        started = time.monotonic()
        try:
            result, checked = _check(target, update)
            seconds = time.monotonic() - started
            yield Outcome(target.name, target.origin, result, checked, seconds)
        except (Exception, SystemExit) as error:  # the next task is checked, whatever this one does
            problem = foreseen(error) or error_in_task(target.name, error)
            if problem is None:
                error.add_note(f"while checking {target.name}")
                raise
            yield Outcome(target.name, target.origin, "failed", error=problem)


def write_fixture(task: Task, fixture: Path) -> None:
    """Write the source of a fixture: by its ``make.py``, or else by the sample writer.

    What ``make.py`` writes replaces the source, so that no file of an earlier version is left; if
    it fails, the source stays. A source without ``make.py`` was made by hand and is kept.

    Raises:
        ContractError: the script fails, or there is neither a script nor a sample writer.
    """
    source = fixture / "source"
    script = fixture / "make.py"
    if script.is_file():
        with _replaced(source):
            _run_script(task, script)
    elif not source.is_dir() and task.sample:
        sample_source(task, source)
    if not source.is_dir():
        raise ContractError(
            f"{task.name}: {source} is missing, and there is no sample writer to write it; create "
            f"{script}, which writes it"
        )


def _check(target: Target, update: bool) -> tuple[str, Checked]:
    task = target.load()
    fixture = target.fixture
    if update and fixture is None:
        raise ContractError(
            f"{task.name}: its fixture belongs to its package; run `m3it check --update` in the "
            "folder of the package"
        )
    if update and fixture:
        write_fixture(task, fixture)
        before = _read(fixture / EXPECTED)
        checked = check_task(task, fixture, update=True)
        changed = _read(fixture / EXPECTED) != before
        return f"passed; {EXPECTED} {'written, review it' if changed else 'unchanged'}", checked
    if fixture is None:
        folder = "a clone of m3it_builder" if task.origin == BUILT_IN else "the package's folder"
        note = f"NOT compared: no fixture found here (run it in {folder})"
        return f"passed on its sample data; {note}", check_task(task)
    if not (fixture.is_dir() or task.origin == BUILT_IN):
        return "passed on its sample data; no fixture", check_task(task)
    return "passed", check_task(task, fixture)


def _default_names(folder: Path) -> list[str]:
    """Return the built-in tasks in a checkout, and elsewhere those of installed packages."""
    if is_checkout(folder):
        return sorted(path.stem for path in (folder / "task_cards").glob("*.yaml"))
    return sorted({*installed().entries, *broken_plugins()})


def _known_target(name: str, folder: Path) -> Target:
    entry = installed().entries.get(name)
    is_built_in = (bundled("task_cards") / f"{name}.yaml").is_file()
    origin = package_of(entry) if entry else BUILT_IN if is_built_in else ""
    in_checkout = is_checkout(folder) and is_built_in
    fixture = folder / "tests" / "fixtures" / name if in_checkout else None
    if entry and (project := project_of_installed(entry)):
        fixture = project.fixture(name)
    return Target(name, origin, partial(load_task, name), fixture)


@contextmanager
def _replaced(folder: Path) -> Iterator[None]:
    """Remove a folder before the block, and restore it if the block fails."""
    previous = folder.with_name(f"{folder.name}.previous")
    shutil.rmtree(previous, ignore_errors=True)
    if folder.exists():
        folder.rename(previous)
    try:
        yield
    except BaseException:
        if previous.exists():
            shutil.rmtree(folder, ignore_errors=True)
            previous.rename(folder)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _run_script(task: Task, script: Path) -> None:
    project = next(filter(None, map(project_or_none, script.absolute().parents)), None)
    roots = [str(project.import_root)] if project else []
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    path = os.pathsep.join(filter(None, [*roots, *inherited]))
    done = subprocess.run(  # noqa: S603 - the author's own script
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise ContractError(f"{task.name}: {script} failed ({reason}); correct it")


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
