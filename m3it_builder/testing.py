"""The contract of tasks, checked by one function for built-in and installed tasks.

A package tests its task by::

    def test_birds() -> None:
        check_task(load_task("birds"), Path(__file__).parent / "fixture")

The fixture folder has ``source/``, a tiny source in the official layout with the difficult
cases of the format, and ``expected.json``, the expected rows and rejects. Write the latter
with ``update=True`` and review the diff. The contract:

- Rows and rejects are the expected ones, and a second build from a copy of the source has
  the same bytes.
- Every split has rows, and one of them at least three. Ids are unique in a split, and no
  row occurs in two splits.
- Rows and rejects contain no local path.
- Choices contain the answer, boxes in texts exist, images can be decoded, and their number
  is one that the card allows.
- All formats contain the same images.
- The converter only reads its source.
- The sample writer is deterministic, and its files build without unexpected rejects.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from msgspec import structs

from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.layout import STATE_FOLDER
from m3it_builder.dataset.manifest import Manifest, manifests
from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.errors import ContractError, EmptyUnitError
from m3it_builder.media.images import require_decodable
from m3it_builder.media.probe import BadImage
from m3it_builder.records import JsonObject
from m3it_builder.shards.formats import FORMATS
from m3it_builder.tasks.registry import Task, variants_of
from m3it_builder.tasks.sampling import write_sample

SAMPLE_COUNT = 4
_PLAN = Plan(formats=("arrow", "jsonl", "parquet", "webdataset"), max_reject_share=1.0)
# Rejects that mean an error in converter or card, whatever the source contains.
_CONVERTER_ERRORS = {"image_count", "gold_not_in_choices", "duplicate_choice", "empty_choice"}
_BANNED = {"os", "io", "pathlib", "random", "logging", "subprocess", "socket", "urllib", "shutil",
           "sqlite3", "PIL", "tempfile", "time", "datetime", "threading", "sys"}  # fmt: skip
_BANNED_CALLS = {"open", "print", "eval", "exec", "input", "__import__"}
_TOKEN = re.compile(r"\{box:(\d+)\}")
_MISSING = "(missing)"


def check_task(task: Task, fixture: Path, update: bool = False) -> None:
    """Require that a task and its variants keep the contract in the docstring of this module.

    Args:
        task: task to check.
        fixture: folder with ``source/`` and ``expected.json``.
        update: write ``expected.json`` instead of comparing with it.

    Raises:
        ContractError: the message names task, row and violated clause.
    """
    _check_converter(task)
    actual = {}
    with tempfile.TemporaryDirectory(prefix="m3it-check-") as name:
        folder = Path(name)
        for config in (task, *variants_of(task)):
            actual[config.name] = _check_config(config, fixture / "source", folder / config.name)
        _check_sample(task, folder)
    _check_expected(task, actual, fixture / "expected.json", update)


def _check_config(task: Task, source: Path, folder: Path) -> JsonObject:
    """Build the fixture twice, check both builds, and return what ``expected.json`` contains."""
    copy = folder / "copy of source"
    shutil.copytree(source, copy)
    units = _build(task, source, folder / "first")
    _build(task, copy, folder / "second")
    _check_same_files(task, folder / "first" / task.name, folder / "second" / task.name)
    built = folder / "first" / task.name
    paths = (str(source), str(copy), str(folder))
    rejects = {unit.split: _rejects(built, unit, task, paths) for unit in units}
    rows = {unit.split: list(read_rows(built, unit)) for unit in units}
    _check_splits(task, rows)
    for unit in units:
        _check_formats(built, unit, rows[unit.split])
        for row in rows[unit.split]:
            _check_row(task, row, paths)
    return {
        unit.split: {
            "rows": [_expected_row(row) for row in rows[unit.split]],
            "rejects": rejects[unit.split],
        }
        for unit in units
    }


def _build(task: Task, sources: Path, out: Path) -> list[Manifest]:
    work = Build(sources=sources, out=out, plan=_PLAN)
    for split in task.card.splits:
        try:
            work.unit(task, split)
        except EmptyUnitError as error:
            for reason in sorted(_CONVERTER_ERRORS & set(error.reasons)):
                _require(
                    False, task, f"{split} is rejected as {reason}; correct the converter or card"
                )
            raise ContractError(
                f"{task.name}: split {split} has no rows; rejects: {dict(error.reasons)}"
            ) from error
    return list(manifests(out / task.name))


def _check_converter(task: Task) -> None:
    """Require that a converter does not open files, print, or use random numbers."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(task.convert) or task.convert))
    for node in ast.walk(tree):
        for name in _imported(node):
            _require(name.split(".")[0] not in _BANNED, task, f"its converter imports {name}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = node.func.id
            _require(function not in _BANNED_CALLS, task, f"its converter calls {function}()")


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module


def _check_same_files(task: Task, first: Path, second: Path) -> None:
    names = [_files(folder) for folder in (first, second)]
    _require(names[0] == names[1], task, "two runs wrote different files")
    for name in names[0]:
        same = (first / name).read_bytes() == (second / name).read_bytes()
        _require(same, task, f"two runs over equal input differ in {name}")


def _files(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.as_posix() for path in paths if STATE_FOLDER not in path.parts]


def _check_splits(task: Task, rows: dict[Any, list[BuiltRow]]) -> None:
    split_of: dict[tuple[Any, ...], str] = {}
    for split, entry in task.card.splits.items():
        withheld = entry.answers == "withheld"
        _require(withheld or bool(rows[split]), task, f"split {split} has no rows")
        keys = {(row.row.inputs, *_digests(row)) for row in rows[split]}
        for key in keys:
            other = split_of.setdefault(key, split)
            _require(other == split, task, f"a row of {split} is also in {other}: {key[0]!r}")
        ids = [row.row.id for row in rows[split]]
        _require(len(set(ids)) == len(ids), task, f"split {split} has duplicate ids")
    most = max(map(len, rows.values()))
    _require(
        most >= 3, task, "no split of the fixture has three rows, which a check of order needs"
    )


def _check_formats(built: Path, unit: Manifest, rows: list[BuiltRow]) -> None:
    for name in FORMATS:
        images = [row.images for row in read_rows(built, unit, format_name=name)]
        same = images == [row.images for row in rows]
        _require(same, unit.task, f"the images of {unit.split} differ in {name} shards")


def _check_row(task: Task, built: BuiltRow, folders: tuple[str, ...]) -> None:
    row = built.row
    where = f"row {row.split}/{row.id}"
    published = msgspec.json.encode(row).decode()
    for folder in folders:
        _require(folder not in published, task, f"{where} contains the local path {folder}")
    is_object = isinstance(json.loads(row.meta), dict)
    _require(is_object, task, f"{where} has a meta that is not a JSON object")
    _require(bool(row.outputs.strip()), task, f"{where} has no output")
    for field in ("instruction", "inputs", "outputs"):
        token = _TOKEN.search(getattr(row, field))
        _require(token is None, task, f"{where} has an unrendered region in its {field}")
    _check_structure(task, row, where)
    for data in built.images:
        try:
            require_decodable(data)
        except BadImage as bad:
            raise ContractError(
                f"{task.name}: {where} has an image that cannot be decoded"
            ) from bad


def _check_structure(task: Task, row: IndexRow, where: str) -> None:
    for turn in row.turns:
        if turn.choices:
            matches = turn.gold is not None and turn.choices[turn.gold] == turn.answer
            _require(matches, task, f"{where}: the gold choice is not the answer")
        for text in (turn.question, turn.answer):
            for token in _TOKEN.findall(text):
                exists = int(token) < len(row.regions)
                _require(exists, task, f"{where}: {text!r} refers to box {token}, which is missing")
    for region in row.regions:
        exists = region.image < len(row.images)
        _require(exists, task, f"{where}: a region is on image {region.image}, which is missing")


def _rejects(
    built: Path, unit: Manifest, task: Task, paths: tuple[str, ...]
) -> list[dict[str, str]]:
    rows = pq.read_table(built / unit.reject_table.path).to_pylist()
    for row in rows:
        name, reason = f"{row['split']}/{row['id']}", row["reason"]
        allowed = reason not in _CONVERTER_ERRORS
        _require(allowed, task, f"{name} is rejected as {reason}; correct the converter or card")
        for path in paths:
            _require(
                path not in row["detail"], task, f"reject {name} contains the local path {path}"
            )
    return [{key: row[key] for key in ("stage", "id", "reason")} for row in rows]


def _check_sample(task: Task, folder: Path) -> None:
    """Require that the sample writer is deterministic, and that its files build completely."""
    for name in ("sample", "sample again"):
        write_sample(task, folder / name, SAMPLE_COUNT)
    _check_same_files(task, folder / "sample", folder / "sample again")
    plan = replace(_PLAN, formats=("webdataset",))
    for config in (task, *variants_of(task)):
        work = Build(sources=folder / "sample", out=folder / "sampled", plan=plan)
        for split, entry in config.card.splits.items():
            report = work.unit(config, split)
            allowed = {"answer_withheld"} if entry.answers == "withheld" else set()
            unexpected = sorted(set(report.rejects) - allowed - {"not_chosen"})
            _require(not unexpected, config, f"its sample has rejects in {split}: {unexpected}")
            _require(bool(report.rows or allowed), config, f"its sample has no rows in {split}")


def _check_expected(task: Task, actual: JsonObject, path: Path, update: bool) -> None:
    actual = json.loads(json.dumps(actual))
    if update:
        text = json.dumps(actual, indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")
        return
    _require(path.exists(), task, f"{path} is missing; write it with update=True and review it")
    expected = json.loads(path.read_text(encoding="utf-8"))
    for where, before, after in _differences(expected, actual, ""):
        raise ContractError(
            f"{task.name}: differs from expected.json at {where.lstrip('.')}: expected {before!r}, "
            f"got {after!r}; if this is intended, run with update=True and review the diff"
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


def _expected_row(built: BuiltRow) -> JsonObject:
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


def _digests(built: BuiltRow) -> tuple[str, ...]:
    return tuple(image.source_digest for image in built.row.images)


def _require(condition: bool, task: Task | str, problem: str) -> None:
    if not condition:
        raise ContractError(f"{task if isinstance(task, str) else task.name}: {problem}")
