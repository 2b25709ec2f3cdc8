"""Every built-in task keeps the contract on its fixture, without test code for any of them."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

import m3it_builder.converters
import m3it_builder.samples
from m3it_builder import load_task, task_names
from m3it_builder.cards.bundled import bundled
from m3it_builder.testing import check_task
from tests.support.paths import FIXTURES

# Helpers of several sample writers.
SHARED = {"world", "files", "chinese", "words", "clips", "questions", "coco-instances",
          "coco-references", "python2-pickle"}  # fmt: skip


@pytest.mark.parametrize("name", task_names())
def test_task(name: str, update: bool) -> None:
    check_task(load_task(name), FIXTURES / name, update=update)


def test_task_names_agree_everywhere() -> None:
    """Cards, converters, sample writers, instruction pools and fixtures have the same names."""

    def modules(package: object) -> set[str]:
        folder = Path(str(package.__file__)).parent  # type: ignore[attr-defined]
        stems = (path.stem.replace("_plus", "+") for path in folder.glob("[!_]*.py"))
        return {stem.replace("_", "-") for stem in stems}

    names = set(task_names())
    variants = {name for task in map(load_task, names) for name in task.card.variants}
    pools = {path.stem for path in bundled("instructions").glob("*.json")}
    assert modules(m3it_builder.converters) == names
    assert modules(m3it_builder.samples) - SHARED == names
    assert names <= pools <= names | variants
    assert {path.name for path in FIXTURES.iterdir() if path.is_dir()} - {"__pycache__"} == names


def test_converters_share_little_code() -> None:
    """What several of them need belongs in ``formats`` or in ``Source``."""
    converters: dict[str, set[str]] = defaultdict(set)
    for path in Path(str(m3it_builder.converters.__file__)).parent.glob("[!_]*.py"):
        for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
            if len(line) > 25 and not line.startswith(("from ", "import ", "def convert(", "#")):
                converters[line].add(path.stem)
    assert {line: names for line, names in converters.items() if len(names) >= 5} == {}
    shared = sum(len(names) for names in converters.values() if len(names) > 1)
    assert shared <= 0.08 * sum(map(len, converters.values()))
