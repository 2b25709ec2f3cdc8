"""A package with tasks, as files in a folder; it need not be installed.

Its entry points are read from ``pyproject.toml``. Loading one imports modules of the folder:
only commands for authors do that (``check``, and ``new`` for what it has just written).
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from m3it_builder.errors import CardError
from m3it_builder.tasks.installed import ENTRY_POINT, module_of
from m3it_builder.tasks.registry import Task, load_entry

PYPROJECT = "pyproject.toml"
_HEADER = re.compile(
    r"""^\[\s*project\s*\.\s*entry-points\s*\.\s*["']m3it\.tasks["']\s*\].*$""", re.M
)


@dataclass(frozen=True, slots=True)
class Project:
    """A package in a folder with ``pyproject.toml``."""

    folder: Path
    name: str  # of the package
    entries: tuple[EntryPoint, ...]  # of its tasks

    @property
    def import_root(self) -> Path:
        """Return the folder that the package is imported from: ``src/``, or the project."""
        source = self.folder / "src"
        return source if source.is_dir() else self.folder

    @property
    def module(self) -> str:
        """Return the top-level module of the tasks, by default that of the package's name."""
        if self.entries:
            return module_of(self.entries[0]).partition(".")[0]
        return re.sub(r"[-.]+", "_", self.name).lower()

    def module_folder(self, entry: EntryPoint) -> Path:
        """Return the folder with the cards of a task: of its module, or of a parent package."""
        folder = self.import_root.joinpath(*module_of(entry).split("."))
        return cards_folder(folder, self.import_root, entry.name)

    def fixture(self, task: str) -> Path:
        """Return the folder of a task's fixture, which may be missing."""
        folder = self.folder / "tests" / "fixtures" / task
        only = self.folder / "tests" / "fixture"  # of packages with one task
        return only if only.is_dir() and not folder.is_dir() and len(self.entries) == 1 else folder

    def load(self, entry: EntryPoint) -> Task:
        """Import a task from the folder, even if another copy of the package is installed.

        Raises:
            PluginError: it failed to load.
        """
        root = str(self.import_root)
        if sys.path[:1] != [root]:
            sys.path.insert(0, root)
        importlib.invalidate_caches()
        _forget_modules(module_of(entry).partition(".")[0], self.import_root)
        return load_entry(entry, self.name)


def is_checkout(folder: Path) -> bool:
    """Return True for a checkout of m3it_builder, where a task is built in."""
    return (folder / "m3it_builder" / "converters").is_dir()


def find_project(folder: Path) -> Project | None:
    """Return the package of a folder, or None if it has no ``pyproject.toml`` of a package.

    Raises:
        CardError: ``pyproject.toml`` is malformed.
    """
    path = folder / PYPROJECT
    if not path.is_file() or is_checkout(folder):
        return None
    table = _parse(path, path.read_bytes())
    project = table.get("project")
    name = project.get("name") if isinstance(project, dict) else None
    if not isinstance(name, str):
        return None
    listed = _entries(path, table)
    try:
        entries = tuple(EntryPoint(task, value, ENTRY_POINT) for task, value in listed.items())
    except ValueError as error:  # newer versions of Python check the value
        raise CardError(f"{path}: malformed entry point ({error}); correct it") from error
    if malformed := [entry.value for entry in entries if not module_of(entry)]:
        raise CardError(f"{path}: {malformed[0]!r} is not MODULE:NAME; correct the entry point")
    return Project(folder.absolute(), name, entries)


def project_or_none(folder: Path) -> Project | None:
    """Return the package of a folder, or None if it has none or its file is malformed."""
    try:
        return find_project(folder)
    except CardError:
        return None


def project_of_installed(entry: EntryPoint) -> Project | None:
    """Return the project that an installed task is imported from, or None.

    That is one installed in editable mode: an ordinary installation has a copy of the package,
    which may be of another version than the project. Nothing is imported.
    """
    root = import_root_of(entry)
    for folder in (root, *root.parents) if root else ():
        project = project_or_none(folder)
        if project and project.import_root.resolve() == root:
            values = {own.name: own.value for own in project.entries}
            return project if values.get(entry.name) == entry.value else None
    return None


def import_root_of(entry: EntryPoint) -> Path | None:
    """Return the folder that an installed module is imported from; nothing is imported."""
    if not module_of(entry):
        return None
    try:
        spec = importlib.util.find_spec(module_of(entry).partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None or not spec.origin:
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


def with_entry(path: Path, task: str, value: str) -> str:
    """Return the text of a ``pyproject.toml`` with one more entry point of a task.

    Raises:
        CardError: the file is malformed, or its entry points are written in an unusual way.
    """
    text = path.read_text(encoding="utf-8")
    line = f'{task} = "{value}"'
    if header := _HEADER.search(text):
        added = f"{text[: header.end()]}\n{line}{text[header.end() :]}"
    else:
        added = f'{text.rstrip()}\n\n[project.entry-points."{ENTRY_POINT}"]\n{line}\n'
    expected = {**_entries(path, _parse(path, text.encode())), task: value}
    try:
        if _entries(path, tomllib.loads(added)) == expected:
            return added
    except tomllib.TOMLDecodeError:
        pass
    raise CardError(
        f"{path}: its entry points are not in a table [project.entry-points.{ENTRY_POINT!r}]; "
        f"write them in one, and repeat the command"
    )


def cards_folder(module: Path, root: Path, task: str) -> Path:
    """Return the first folder from a module upwards, below a root, that has the task's card."""
    folders = [folder for folder in (module, *module.parents) if folder.is_relative_to(root)]
    with_card = (f for f in folders if (f / "task_cards" / f"{task}.yaml").is_file())
    return next(with_card, folders[-2] if len(folders) > 1 else module)


def _parse(path: Path, data: bytes) -> Mapping[str, Any]:
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"{path}: not valid TOML ({error}); correct it") from error


def _entries(path: Path, table: Mapping[str, Any]) -> dict[str, str]:
    groups = table.get("project", {}).get("entry-points", {})
    entries = groups.get(ENTRY_POINT, {}) if isinstance(groups, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(v, str) for v in entries.values()):
        raise CardError(f"{path}: entry-points must be tables of texts; correct it")
    return dict(entries)


def _forget_modules(package: str, root: Path) -> None:
    """Remove modules of another copy of a package from those already imported."""
    if package == __name__.partition(".")[0]:
        return
    imported = sys.modules.get(package)
    file = getattr(imported, "__file__", None)
    if imported is None or (file and Path(file).is_relative_to(root)):
        return
    for name in [*sys.modules]:
        if name.partition(".")[0] == package:
            del sys.modules[name]
