"""Fingerprints cover all inputs and all code that decides the rows and bytes of a build."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from m3it_builder import load_task
from m3it_builder.build import fingerprint
from m3it_builder.build.fingerprint import BuiltFrom, changes
from m3it_builder.errors import BuildError
from tests.support.building import TEXT_PLAN, build, numbered_task, placeholder_sources
from tests.support.paths import ROOT

CARD = load_task("okvqa").card

PACKAGE = ROOT / "m3it_builder"
# Covered by the content they load (cards, drop lists), or without influence on rows.
OTHERS = ["__init__", "version", "build/__init__", "build/drop_list", "build/shard_record",
          "build/unit", "cards/bundled", "cards/cards", "cards/instructions", "cards/strict_yaml",
          "cards/suffixes", "dataset/__init__", "dataset/layout", "dataset/manifest", "errors",
          "executors/child", "progress", "tasks/__init__", "tasks/opening",
          "tasks/registry"]  # fmt: skip


def imported_by(starts: Iterable[str], without: Iterable[str]) -> set[str]:
    """Return some modules of the package and those they import, directly or indirectly.

    The modules in ``without`` are left out, with the modules that only they import.
    """
    visited = set(without)
    todo = list(starts)
    while todo:
        name = todo.pop()
        path = PACKAGE / f"{name}.py"
        if name in visited or not path.is_file():
            continue
        visited.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("m3it_builder"):
                base = Path(*str(node.module).split(".")[1:]).as_posix().removeprefix(".")
                todo += [base, f"{base}/__init__"]
                todo += [f"{base}/{alias.name}".lstrip("/") for alias in node.names]
    return visited - set(without)


@pytest.mark.parametrize(
    ("starts", "without", "patterns"),
    [
        (["build/pack", "shards/webdataset", "shards/parquet/writer", "shards/arrow",
          "shards/jsonl"], [*OTHERS, "build/spool", "build/spool_reader"], fingerprint._SHARD_CODE),
        (["build/text_phase", "build/spool"],
         OTHERS, fingerprint._ROW_CODE + fingerprint._SHARD_CODE),
    ],
    ids=["shards", "rows"],
)  # fmt: skip
def test_all_imported_modules_are_covered(
    starts: list[str], without: list[str], patterns: tuple[str, ...]
) -> None:
    imported = imported_by(starts, without)
    assert {"records", "stages/render"} <= imported
    covered = {path for pattern in patterns for path in PACKAGE.glob(f"{pattern}.py")}
    assert {name for name in imported if PACKAGE / f"{name}.py" not in covered} == set()


def test_every_pattern_matches_a_file() -> None:
    for pattern in fingerprint._ROW_CODE + fingerprint._SHARD_CODE:
        assert list(PACKAGE.glob(f"{pattern}.*")), pattern


def test_modules_beside_an_installed_converter_are_covered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "m3it_foreign"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "words.py").write_text("ANSWER = 'one'\n")
    (package / "converter.py").write_text(
        "from m3it_builder import Record, Turn\nfrom m3it_foreign.words import ANSWER\n"
        "def convert(source):\n"
        "    yield Record(id='1', turns=(Turn('q', ANSWER),))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from m3it_foreign.converter import convert  # type: ignore[import-not-found]

    task = replace(numbered_task(1), convert=functools.partial(convert), origin="m3it-foreign")
    sources, out = placeholder_sources(tmp_path), tmp_path / "out"
    assert build(sources, out, TEXT_PLAN, task).status == "built"
    assert build(sources, out, TEXT_PLAN, task).status == "up to date"
    (package / "words.py").write_text("ANSWER = 'two'\n")
    with pytest.raises(BuildError, match="changed: the converter"):
        build(sources, out, TEXT_PLAN, task)


BUILT_FROM = BuiltFrom(
    fingerprint=fingerprint.Fingerprint(
        card="a",
        instructions="a",
        converter="a",
        code="a",
        packing="a",
        toolchain={"python": "3.11.1", "pillow": "11"},
        options={"target": "answer"},
        plan=TEXT_PLAN.choices(CARD),
        drop="",
        files={"a/1.zip": (1, 1, 1), "a/2.zip": (1, 1, 1)},
    ),
    annotations={"a/1.json": (1, 1, 1)},
    sources="/data",
)


def test_changes_name_the_input_and_its_values() -> None:
    old = BUILT_FROM
    assert changes(old, old) == []
    assert changes(old, structs.replace(old, sources="/moved")) == [], "the folder does not matter"

    def changed(**values: object) -> list[str]:
        return changes(
            old, structs.replace(old, fingerprint=structs.replace(old.fingerprint, **values))
        )

    assert changed(card="b") == ["the task card or one of its source cards"]
    assert changed(toolchain={"python": "3.12.0", "pillow": "11"}) == [
        "Python or a library that decides the bytes of shards (python: 3.11.1 → 3.12.0)"
    ]
    assert changed(plan=replace(TEXT_PLAN, seed=7, limit=5).choices(CARD)) == [
        "the plan (limit, seed: 1234 → 7)"
    ]
    assert changed(options={"target": "rationale"}) == [
        "the task options (target: answer → rationale)"
    ]
    files = {f"a/{number}.zip": (2, 1) for number in range(5)}
    assert changed(files=files) == ["the source files (a/0.zip, a/1.zip, a/2.zip and 2 more)"]
    annotations = structs.replace(old, annotations={"a/1.json": None})
    assert changes(old, annotations) == ["the annotation files (a/1.json)"]


def test_state_of_another_version_is_unknown(tmp_path: Path) -> None:
    fingerprint.write_built_from(tmp_path, BUILT_FROM)
    assert fingerprint.read_built_from(tmp_path) == BUILT_FROM
    path = tmp_path / "fingerprint.json"
    path.write_text(path.read_text().replace('"sources"', '"folder"'))
    assert fingerprint.read_built_from(tmp_path) is None
    path.unlink()
    assert fingerprint.read_built_from(tmp_path) is None
