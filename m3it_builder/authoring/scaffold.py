"""The files of a new task, running from the start, with what is left marked TODO."""

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

# template, and where it goes in this project
_IN_PROJECT = {
    "card.yaml": "task_cards/$name.yaml",
    "source.yaml": "task_cards/sources/$name-files.yaml",
    "pool.json": "instructions/$name.json",
    "converter.py": "m3it_builder/converters/$module.py",
    "sample.py": "m3it_builder/samples/$module.py",
    "make.py": "tests/fixtures/$name/make.py",
}
# the same in a package of its own
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

    Inside a checkout of this project they go where built-in tasks have theirs;
    anywhere else they become a package of its own, with the entry point set.

    Raises:
        CardError: the name is unfit or taken, or a file is there already.
    """
    if not _NAME.fullmatch(name):
        raise CardError(f"{name!r} is no name for a task: small letters, digits, single hyphens")
    if name in all_names():
        raise CardError(f"a task called {name!r} exists already; see `m3it show {name}`")
    in_project = (into / "m3it_builder" / "converters").is_dir()
    module = name.replace("-", "_")
    words = {
        "name": name,
        "module": module,
        "package": f"m3it_{module}",
        "sample_module": f"m3it_builder.samples.{module}"
        if in_project
        else f"m3it_{module}.sample",
    }
    places = _IN_PROJECT if in_project else _IN_PACKAGE
    targets = {part: into / Template(path).substitute(words) for part, path in places.items()}
    for target in targets.values():
        if target.exists():
            raise CardError(f"{target} is there already; nothing was written")
    for part, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_text(part, words), encoding="utf-8")
    return list(targets.values())


def _text(part: str, words: dict[str, str]) -> str:
    if part == "pool.json":
        pool = [f"TODO: instruction {number}" for number in range(1, POOL_SIZE + 1)]
        return json.dumps(pool, indent=2) + "\n"
    template = (_TEMPLATES / f"{part}.txt").read_text(encoding="utf-8")
    return Template(template).substitute(words)
