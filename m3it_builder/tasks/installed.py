"""Entry points of installed packages, read so that one broken package cannot hide another.

Code of strangers runs when an entry point is loaded. Whatever it raises becomes a
``PluginError`` that names the package, including ``SystemExit``, which would end the command.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any

from m3it_builder.errors import PluginError

ENTRY_POINT = "m3it.tasks"
PLUGINS = "M3IT_PLUGINS"  # environment variable; 0 disables installed tasks


@dataclass(frozen=True, slots=True)
class Installed:
    """The entry points of all installed packages, and those that cannot be used."""

    entries: dict[str, EntryPoint]  # by name of the task
    broken: dict[
        str, PluginError
    ]  # by name of the task, or "package NAME" if it has no readable ones


def load_object(entry: EntryPoint) -> Any:
    """Import the object of an entry point.

    Raises:
        PluginError: the import raised anything but the interruption of the command.
    """
    try:
        with redirect_stdout(sys.stderr):  # what a module prints is not part of a table or JSON
            return entry.load()
    except BaseException as error:
        # Signals end the command, as everywhere; SystemExit, or that of ``pytest.skip``, does not.
        if isinstance(error, KeyboardInterrupt) or type(error).__module__.startswith(
            "m3it_builder.cli"
        ):
            raise
        raise PluginError(
            f"task {entry.name!r} of package {package_of(entry)} failed to load: {brief(error)}; "
            "correct or uninstall the package"
        ) from error


def package_of(entry: EntryPoint) -> str:
    """Return the name of the package that has an entry point."""
    name = _name(entry.dist) if entry.dist else None
    return name or entry.value


def module_of(entry: EntryPoint) -> str:
    """Return the module of an entry point, or "" if its value is malformed."""
    module = entry.value.partition("[")[0].partition(":")[0].strip()
    return module if all(part.isidentifier() for part in module.split(".")) else ""


def brief(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    try:
        text = str(error).partition("\n")[0]
    except Exception:  # noqa: BLE001 - code of a stranger
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@cache
def installed() -> Installed:
    """Return the entry points of all installed packages; nothing of them is imported."""
    if os.environ.get(PLUGINS) == "0":
        return Installed({}, {})
    entries: dict[str, EntryPoint] = {}
    broken: dict[str, PluginError] = {}
    for package, distribution in _distributions():
        try:
            listed = list(distribution.entry_points.select(group=ENTRY_POINT))
        except Exception as error:  # noqa: BLE001 - a malformed file of a stranger
            broken[f"package {package}"] = PluginError(
                f"package {package} has malformed entry points ({brief(error)}); reinstall it"
            )
            continue
        for entry in listed:
            if entry.name in entries or entry.name in broken:
                broken[entry.name] = name_conflict(entry.name, package)
                entries.pop(entry.name, None)
            else:
                entries[entry.name] = entry
    return Installed(entries, broken)


def is_registered_in(path: Path, task: str) -> bool:
    """Return True if a ``pyproject.toml`` registers a task; False if it cannot be read."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return task in table["project"]["entry-points"][ENTRY_POINT]
    except (OSError, ValueError, LookupError, TypeError):
        return False


def name_conflict(task: str, package: str) -> PluginError:
    """Return the error of a package that registers the name of another task."""
    return PluginError(
        f"package {package} registers the task {task!r}, but another task has that "
        f"name; uninstall one of the two packages, or set {PLUGINS}=0"
    )


def _distributions() -> Iterator[tuple[str, Distribution]]:
    """Yield installed packages by name, only the first of a name, as imports find them."""
    seen: set[str] = set()
    found: Iterable[Distribution] = distributions()
    for distribution in found:
        name = _name(distribution) or "without a name"
        normalized = name.lower().replace("_", "-").replace(".", "-")
        if normalized not in seen or name == "without a name":
            seen.add(normalized)
            yield name, distribution


def _name(distribution: Distribution) -> str | None:
    """Return the name of a package, or None if its metadata is missing or malformed."""
    try:
        return distribution.metadata["Name"]
    except Exception:  # noqa: BLE001 - a malformed file of a stranger
        return None
