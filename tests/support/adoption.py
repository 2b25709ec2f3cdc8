"""Adopt a download within a test, and read what was built."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from m3it_builder.adopt.layout import find_layout
from m3it_builder.adopt.report import UnitReport
from m3it_builder.adopt.run import adopt
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.errors import Failure
from tests.support.paths import ALL

SMALL_SHARDS = PipelineFile.model_validate(
    {"output": {"format": ("webdataset",), "shard_mb": 0.01}}
)
PLAN = Plan(file=SMALL_SHARDS, formats=ALL, max_reject_share=1.0)


def adopt_tasks(folder: Path, build: Build, *tasks: str) -> list[UnitReport | Failure]:
    """Adopt some tasks of a download, or all."""
    layout = find_layout(folder)
    units = [unit for unit in layout.units if not tasks or unit.task in tasks]
    return list(adopt(layout, units, build))


def adopt_all(
    folder: Path, out: Path, *tasks: str, workers: int = 1, replace: bool = False
) -> dict[str, UnitReport]:
    """Adopt some tasks of a download, or all, without a failure; return reports by unit."""
    build = Build(sources=folder, out=out, plan=PLAN, workers=workers, replace=replace)
    results = adopt_tasks(folder, build, *tasks)
    failures = [result for result in results if isinstance(result, Failure)]
    assert not failures, failures
    return {result.name: result for result in results if isinstance(result, UnitReport)}


def adopted_rows(out: Path, task: str, split: str = "train") -> list[BuiltRow]:
    """Return the rows of one adopted unit, in order."""
    (unit,) = (unit for unit in manifests(out / task) if unit.split == split)
    return list(read_rows(out / task, unit))


def by_line(rows: list[BuiltRow]) -> dict[int, BuiltRow]:
    """Return rows by their line in the published file."""
    return {json.loads(row.row.meta)["adopted"]["line"]: row for row in rows}


def read_jsonl(path: Path) -> list[Any]:
    """Return the values of a JSON Lines file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]
