"""Generate the files of a new task: they run as generated; what is left is marked TODO."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template

from m3it_builder.authoring.lint import POOL_SIZE
from m3it_builder.errors import CardError
from m3it_builder.tasks.registry import all_names

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_TEMPLATES = Path(__file__).parent / "templates"

# Template and target, for a built-in task.
_IN_PROJECT = {
    "card.yaml": "task_cards/$name.yaml",
    "source.yaml": "task_cards/sources/$name-files.yaml",
    "pool.json": "instructions/$name.json",
    "converter.py": "m3it_builder/converters/$module.py",
    "sample.py": "m3it_builder/samples/$module.py",
    "make.py": "tests/fixtures/$name/make.py",
}
# The same for a task in its own package.
_IN_PACKAGE = {
    "pyproject.toml": "m3it-$name/pyproject.toml",
    "init.py": "m3it-$name/$package/__init__.py",
    "card.yaml": "m3it-$name/$package/task_cards/$name.yaml",
    "source.yaml": "m3it-$name/$package/task_cards/sources/$name-files.yaml",
    "pool.json": "m3it-$name/$package/instructions/$name.json",
    "converter.py": "m3it-$name/$package/converter.py",
    "sample.py": "m3it-$name/$package/sample.py",
    "test.py": "m3it-$name/tests/test_$module.py",
    "make.py": "m3it-$name/tests/fixture/make.py",
}


def write_scaffold(name: str, into: Path) -> list[Path]:
    """Write the files of a new task and return their paths.

    In a checkout of this project the task becomes a built-in one; anywhere else it
    becomes a package with the entry point ``m3it.tasks``.

    Raises:
        CardError: the name is invalid or in use, or a file exists already.
    """
    if not _NAME.fullmatch(name):
        raise CardError(
            f"{name!r} is not a valid task name; use lower-case letters, digits, single hyphens"
        )
    if name in all_names():
        raise CardError(f"a task called {name!r} exists already; see `m3it show {name}`")
    in_project = (into / "m3it_builder" / "converters").is_dir()
    module = name.replace("-", "_")
    values = {
        "name": name,
        "module": module,
        "package": f"m3it_{module}",
        "sample_module": f"m3it_builder.samples.{module}"
        if in_project
        else f"m3it_{module}.sample",
    }
    layout = _IN_PROJECT if in_project else _IN_PACKAGE
    targets = {
        template: into / Template(path).substitute(values) for template, path in layout.items()
    }
    for target in targets.values():
        if target.exists():
            raise CardError(f"{target} exists already; nothing was written. Move it, or delete it")
    for template, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_render(template, values), encoding="utf-8")
    return list(targets.values())


def _render(template: str, values: dict[str, str]) -> str:
    if template == "pool.json":  # not a file, so that its length follows ``POOL_SIZE``
        pool = [f"TODO: instruction {number}" for number in range(1, POOL_SIZE + 1)]
        return json.dumps(pool, indent=2) + "\n"
    text = (_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(values)
