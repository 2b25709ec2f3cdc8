"""Generate the files of a new task: they run as generated; what is left is marked TODO."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from string import Template

from m3it_builder.authoring.lint import POOL_SIZE
from m3it_builder.authoring.project import (
    PYPROJECT,
    Project,
    find_project,
    is_checkout,
    with_entry,
)
from m3it_builder.errors import CardError
from m3it_builder.storage.atomic import write_atomic
from m3it_builder.tasks.registry import all_names

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATES = Path(__file__).parent / "templates"

# Template and target, for a built-in task.
_IN_CHECKOUT = {
    "card.yaml": "task_cards/$name.yaml",
    "source.yaml": "task_cards/sources/$name-files.yaml",
    "pool.json": "instructions/$name.json",
    "converter.py": "m3it_builder/converters/$module.py",
    "sample.py": "m3it_builder/samples/$module.py",
    "make.py": "tests/fixtures/$name/make.py",
}
# The same for a task in a package.
_IN_PACKAGE = {
    "card.yaml": "$package/task_cards/$name.yaml",
    "source.yaml": "$package/task_cards/sources/$name-files.yaml",
    "pool.json": "$package/instructions/$name.json",
    "init.py": "$package/$module/__init__.py",
    "converter.py": "$package/$module/converter.py",
    "sample.py": "$package/$module/sample.py",
    "make.py": "tests/fixtures/$name/make.py",
    "test.py": "tests/test_$module.py",
}
# What the package itself consists of.
_PACKAGE = {"pyproject.toml": PYPROJECT, "package.py": "$package/__init__.py"}


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The files of a new task."""

    folder: Path  # of the package, or of the checkout
    created: tuple[Path, ...]
    changed: tuple[Path, ...] = ()
    in_package: bool = True


def write_scaffold(name: str, into: Path) -> Scaffold:
    """Write the files of a new task.

    In a checkout of this project the task becomes a built-in one, in the folder of a package
    it is added to the package. Anywhere else it becomes a package of its own, in the new folder
    ``m3it-NAME``, with the entry point ``m3it.tasks``.

    Raises:
        CardError: the name is invalid or in use, a file exists already, or the
            ``pyproject.toml`` of the package cannot be extended.
    """
    project = find_project(into)
    _check_name(name, project)
    if is_checkout(into):
        files = _files(_IN_CHECKOUT, into, _values(name, "m3it_builder.samples.$module", ""))
        return Scaffold(into, _create(files), in_package=False)
    if project:
        return _add_to(project, name)
    folder = into / f"m3it-{name}"
    values = _values(name, "$package.$module.sample", f"m3it_{name.replace('-', '_')}")
    return Scaffold(folder, _create(_files({**_PACKAGE, **_IN_PACKAGE}, folder, values)))


def _add_to(project: Project, name: str) -> Scaffold:
    """Write the files of one more task of a package, and its entry point."""
    if not project.import_root.joinpath(project.module).is_dir():
        raise CardError(
            f"{project.folder}: the package {project.module} is not there, nor in src/; "
            "create it, or choose another folder with --into"
        )
    values = _values(name, "$package.$module.sample", project.module)
    pyproject = project.folder / PYPROJECT
    text = with_entry(pyproject, name, f"{values['package']}.{values['module']}:TASK")
    module_root = project.import_root.relative_to(project.folder)
    layout = {
        template: (module_root / path).as_posix() if path.startswith("$package") else path
        for template, path in _IN_PACKAGE.items()
    }
    created = _create(_files(layout, project.folder, values))
    write_atomic(pyproject, text.encode())
    return Scaffold(project.folder, created, (pyproject,))


def _check_name(name: str, project: Project | None) -> None:
    if not _NAME.fullmatch(name):
        raise CardError(
            f"{name!r} is not a valid task name; use lower-case letters, digits, single hyphens"
        )
    if name in all_names():
        raise CardError(f"a task called {name!r} exists already; see `m3it show {name}`")
    entries: tuple[EntryPoint, ...] = project.entries if project else ()
    if name in {entry.name for entry in entries}:
        raise CardError(f"{PYPROJECT} has a task called {name!r} already; choose another name")


def _values(name: str, sample_module: str, package: str) -> dict[str, str]:
    """Return what replaces the names with $ in templates."""
    values = {"name": name, "module": name.replace("-", "_"), "package": package}
    sample = Template(sample_module).substitute(values)
    return {**values, "sample_module": sample}


def _files(layout: dict[str, str], folder: Path, values: dict[str, str]) -> dict[Path, str]:
    """Return the texts of the files, by path."""
    return {
        folder / Template(path).substitute(values): _render(template, values)
        for template, path in layout.items()
    }


def _create(files: dict[Path, str]) -> tuple[Path, ...]:
    for path in files:
        if path.exists():
            raise CardError(f"{path} exists already; nothing was written. Move it, or delete it")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(files)


def _render(template: str, values: dict[str, str]) -> str:
    if template == "pool.json":  # not a file, so that its length follows ``POOL_SIZE``
        pool = [f"TODO: instruction {number}" for number in range(1, POOL_SIZE + 1)]
        return json.dumps(pool, indent=2) + "\n"
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(values)
