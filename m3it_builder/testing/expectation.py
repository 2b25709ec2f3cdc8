"""``expected.json``: the rows and rejects of a fixture, as reviewed by the author of a task."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import structs

from m3it_builder.dataset.reader import BuiltRow
from m3it_builder.errors import ContractError
from m3it_builder.records import JsonObject
from m3it_builder.tasks.registry import Task
from m3it_builder.testing.require import require

_MISSING = "(missing)"


def write_expected(actual: JsonObject, path: Path) -> None:
    """Write ``expected.json`` with the rows and rejects of a build."""
    text = json.dumps(actual, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def check_expected(task: Task, actual: JsonObject, path: Path) -> None:
    """Require that rows and rejects are those of ``expected.json``.

    Raises:
        ContractError: the file is missing or malformed, or a value differs.
    """
    again = f"`m3it check {task.name} --update`"
    require(path.exists(), task, f"{path} is missing; write it with {again} and review it")
    try:
        expected = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        problem = f"{path} is not valid JSON ({error}); write it again with {again}"
        raise ContractError(f"{task.name}: {problem}") from error
    for where, before, after in _differences(expected, json.loads(json.dumps(actual)), ""):
        raise ContractError(
            f"{task.name}: differs from expected.json at {where.lstrip('.')}: expected {before!r}, "
            f"got {after!r}; if this is intended, run {again} and review the diff"
        )


def _differences(expected: Any, actual: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield (position, expected value, actual value) of each difference, depth first."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted({*expected, *actual}):
            before, after = expected.get(key, _MISSING), actual.get(key, _MISSING)
            yield from _differences(before, after, f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        for number, (before, after) in enumerate(zip(expected, actual, strict=False)):
            yield from _differences(before, after, f"{where}[{number}]")
        if len(expected) != len(actual):
            yield f"{where} (length)", len(expected), len(actual)
    elif expected != actual:
        yield where, expected, actual


def expected_row(built: BuiltRow) -> JsonObject:
    """Return the reproducible part of a row, without encoder output and position in a shard."""
    texts = ("id", "instruction", "inputs", "outputs", "license", "image_license", "context")
    row, described = built.row, ("name", "mime", "width", "height", "source_digest")
    return {
        **{name: getattr(row, name) for name in texts},
        "turns": [structs.asdict(turn) for turn in row.turns],
        "regions": [structs.asdict(region) for region in row.regions],
        "meta": json.loads(row.meta),
        "images": [{name: getattr(image, name) for name in described} for image in row.images],
    }
