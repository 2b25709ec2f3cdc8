"""All code that decides the rows and the bytes of a build is part of its fingerprint."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from m3it_builder.build import fingerprint
from tests.support.paths import ROOT

PACKAGE = ROOT / "m3it_builder"
# Known otherwise, by what they hold (cards, lists of rows to drop), or without a say in rows.
OTHERS = ["__init__", "version", "build/__init__", "build/drop_list", "build/shard_record",
          "build/unit", "cards/bundled", "cards/cards", "cards/instructions", "cards/strict_yaml",
          "cards/suffixes", "dataset/__init__", "dataset/layout", "dataset/manifest", "errors",
          "progress", "tasks/__init__", "tasks/opening", "tasks/registry"]  # fmt: skip


def imported_by(starts: Iterable[str], without: Iterable[str]) -> set[str]:
    """Return modules with all that they import of ours, some and what only they import left out."""
    seen = set(without)
    todo = list(starts)
    while todo:
        name = todo.pop()
        path = PACKAGE / f"{name}.py"
        if name in seen or not path.is_file():
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("m3it_builder"):
                base = Path(*str(node.module).split(".")[1:]).as_posix().removeprefix(".")
                todo += [base, f"{base}/__init__"]
                todo += [f"{base}/{alias.name}".lstrip("/") for alias in node.names]
    return seen - set(without)


@pytest.mark.parametrize(
    ("starts", "without", "makers"),
    [
        (["build/pack", "shards/webdataset", "shards/parquet/writer", "shards/arrow",
          "shards/jsonl"], [*OTHERS, "build/spool", "build/spool_reader"], fingerprint._SHARD_CODE),
        (["build/text_phase", "build/spool"],
         OTHERS, fingerprint._ROW_CODE + fingerprint._SHARD_CODE),
    ],
    ids=["shards", "rows"],
)  # fmt: skip
def test_no_maker_is_forgotten(
    starts: list[str], without: list[str], makers: tuple[str, ...]
) -> None:
    found = imported_by(starts, without)
    assert {"records", "stages/render"} <= found
    made_of = {path for each in makers for path in PACKAGE.glob(f"{each}.py")}
    assert {name for name in found if PACKAGE / f"{name}.py" not in made_of} == set()


def test_every_maker_is_there() -> None:
    for name in fingerprint._ROW_CODE + fingerprint._SHARD_CODE:
        assert list(PACKAGE.glob(f"{name}.*")), name
