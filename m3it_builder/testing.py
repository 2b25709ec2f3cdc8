"""The contract every task keeps, as one function for built-in and foreign tasks alike.

A package that brings a task tests it so::

    def test_birds() -> None:
        check_task(load_task("birds"), Path(__file__).parent / "fixture")

The fixture folder holds ``source/``, a tiny source in the official layout with
the format's traps in it, and ``expected.json``, what must come of it; call with
``update=True`` to write the latter, and read the diff. The contract is: every
row and reject is as expected; the same bytes come out of a second run over a
copy elsewhere; every split yields rows, and one of them three or more; no row
of a split stands in another; ids are unique; no row tells of a local path;
options contain the answer; boxes that texts speak of exist; the number of
images is what the card says; images decode; every format gives back the
same rows; the converter keeps to reading; and the sample writer writes the same
files twice, which build without a reject.
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
from m3it_builder.errors import ContractError
from m3it_builder.media.images import require_decodable
from m3it_builder.media.probe import BadImage
from m3it_builder.records import Split
from m3it_builder.shards.formats import FORMATS
from m3it_builder.tasks.registry import Task, variants_of
from m3it_builder.tasks.sampling import write_sample

SAMPLE_COUNT = 4
_PLAN = Plan(formats=("arrow", "jsonl", "parquet", "webdataset"), max_reject_share=1.0)
_CONVERTER_FAULTS = {"image_count", "gold_not_in_choices", "choices_repeat", "empty_choice"}
_BANNED = {"os", "io", "pathlib", "random", "logging", "subprocess", "socket", "urllib", "shutil",
           "sqlite3", "PIL", "tempfile", "time", "datetime", "threading", "sys"}  # fmt: skip
_BANNED_CALLS = {"open", "print", "eval", "exec", "input", "__import__"}
_TOKEN = re.compile(r"\{box:(\d+)\}")


def check_task(task: Task, fixture: Path, update: bool = False) -> None:
    """See that a task and its variants keep the contract; see the module's text for it.

    Args:
        task: to be judged.
        fixture: folder with ``source/`` and ``expected.json``.
        update: write ``expected.json`` instead of comparing with it.

    Raises:
        ContractError: naming the clause that is broken, the task, the row.
    """
    _check_converter(task)
    found = {}
    with tempfile.TemporaryDirectory(prefix="m3it-check-") as name:
        folder = Path(name)
        for config in (task, *variants_of(task)):
            found[config.name] = _check_config(config, fixture / "source", folder / config.name)
        _check_sample(task, folder)
    _check_expected(task, found, fixture / "expected.json", update)


def _check_config(task: Task, source: Path, folder: Path) -> dict[str, Any]:
    """Build a task's fixture twice and judge the outcome; return it for the expectation."""
    copy = folder / "copy of source"
    shutil.copytree(source, copy)
    units = _build(task, source, folder / "first")
    _build(task, copy, folder / "second")
    _check_same_files(task, folder / "first" / task.name, folder / "second" / task.name)
    built = folder / "first" / task.name
    places = (str(source), str(copy), str(folder))
    rejects = {unit.split: _rejects(built, unit, task, places) for unit in units}
    rows = {unit.split: list(read_rows(built, unit)) for unit in units}
    _check_splits(task, rows)
    for unit in units:
        _check_formats(built, unit, rows[unit.split])
        for row in rows[unit.split]:
            _check_row(task, row, places)
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
        work.unit(task, split)
    return list(manifests(out / task.name))


def _check_converter(task: Task) -> None:
    """A converter reads and yields; it opens nothing, prints nothing and draws no lots."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(task.convert) or task.convert))
    for node in ast.walk(tree):
        for name in _imported(node):
            _require(name.split(".")[0] not in _BANNED, task, f"its converter imports {name}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called = node.func.id
            _require(called not in _BANNED_CALLS, task, f"its converter calls {called}()")


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
        _require(same, task, f"two runs, the second over a copy, differ in {name}")


def _files(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.as_posix() for path in paths if STATE_FOLDER not in path.parts]


def _check_splits(task: Task, rows: dict[Any, list[BuiltRow]]) -> None:
    seen: dict[tuple[Any, ...], str] = {}
    for split, entry in task.card.splits.items():
        withheld = entry.answers == "withheld"
        _require(withheld or bool(rows[split]), task, f"split {split} yields no row")
        keys = {(row.row.inputs, *_digests(row)) for row in rows[split]}
        for key in keys:
            other = seen.setdefault(key, split)
            _require(other == split, task, f"a row of {split} stands in {other} too: {key[0]!r}")
        ids = [row.row.id for row in rows[split]]
        _require(len(set(ids)) == len(ids), task, f"ids of {split} repeat")
    most = max(map(len, rows.values()))
    _require(most >= 3, task, "no split of the fixture has three rows, so order is not judged")


def _check_formats(built: Path, unit: Manifest, rows: list[BuiltRow]) -> None:
    for name in FORMATS:
        again = [row.images for row in read_rows(built, unit, format_name=name)]
        _require(
            again == [row.images for row in rows],
            unit.task,
            f"{name} shards of {unit.split} hold other images",
        )


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
        left = _TOKEN.search(getattr(row, field))
        _require(left is None, task, f"{where} has an unrendered region in its {field}")
    _check_structure(task, row, where)
    for data in built.images:
        try:
            require_decodable(data)
        except BadImage as bad:
            raise ContractError(f"{task.name}: {where} has an image that does not decode") from bad


def _check_structure(task: Task, row: IndexRow, where: str) -> None:
    for turn in row.turns:
        if turn.choices:
            fits = turn.gold is not None and turn.choices[turn.gold] == turn.answer
            _require(fits, task, f"{where}: the options do not contain the answer")
        for text in (turn.question, turn.answer):
            for token in _TOKEN.findall(text):
                exists = int(token) < len(row.regions)
                _require(exists, task, f"{where}: {text!r} refers to box {token}, which is missing")
    for region in row.regions:
        exists = region.image < len(row.images)
        _require(exists, task, f"{where}: a region is on image {region.image}, which is missing")


def _rejects(
    built: Path, unit: Manifest, task: Task, places: tuple[str, ...]
) -> list[dict[str, str]]:
    rows = pq.read_table(built / unit.reject_table.path).to_pylist()
    for row in rows:
        fault = row["reason"] in _CONVERTER_FAULTS
        _require(not fault, task, f"{row['split']}/{row['id']} is rejected as {row['reason']}, "
                 "which a converter or a card must not let happen")  # fmt: skip
        for place in places:
            told = place in row["detail"]
            _require(not told, task, f"reject {row['id']} tells of the local path {place}")
    return [{key: row[key] for key in ("stage", "id", "reason")} for row in rows]


def _check_sample(task: Task, folder: Path) -> None:
    """The sample writer is a pure function, and what it writes builds without loss."""
    for name in ("sample", "sample again"):
        write_sample(task, folder / name, SAMPLE_COUNT)
    _check_same_files(task, folder / "sample", folder / "sample again")
    plan = replace(_PLAN, formats=("webdataset",))
    for config in (task, *variants_of(task)):
        work = Build(sources=folder / "sample", out=folder / "sampled", plan=plan)
        for split, entry in config.card.splits.items():
            report = work.unit(config, split)
            allowed = {"answer_withheld"} if entry.answers == "withheld" else set()
            odd = set(report.rejects) - allowed - {"not_chosen"}
            _require(not odd, config, f"its sample source has rejects in {split}: {sorted(odd)}")
            _require(bool(report.rows or allowed), config, f"its sample source yields no {split}")


def _check_expected(task: Task, found: dict[str, Any], path: Path, update: bool) -> None:
    found = json.loads(json.dumps(found))
    if update:
        text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")
        return
    _require(path.exists(), task, f"{path} is missing; write it with update=True and read it")
    wanted = json.loads(path.read_text(encoding="utf-8"))
    if found == wanted:
        return
    for place, (before, after) in _differences(wanted, found, task.name):
        raise ContractError(
            f"{task.name}: not as expected at {place}: was {before!r}, is {after!r}; "
            "if the change is meant, update the expectation and read the diff"
        )


def _differences(wanted: Any, found: Any, place: str) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted({*wanted, *found}):
            yield from _differences(wanted.get(key), found.get(key), f"{place}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (before, after) in enumerate(zip(wanted, found, strict=True)):
            yield from _differences(before, after, f"{place}[{number}]")
    elif wanted != found:
        yield place, (wanted, found)


def _expected_row(built: BuiltRow) -> dict[str, Any]:
    """Return what must stay the same of a row: no encoder's bytes, no position in a shard."""
    kept = ("id", "instruction", "inputs", "outputs", "license", "image_license", "context")
    row, described = built.row, ("name", "mime", "width", "height", "source_digest")
    return {
        **{name: getattr(row, name) for name in kept},
        "turns": [structs.asdict(turn) for turn in row.turns],
        "regions": [structs.asdict(region) for region in row.regions],
        "meta": json.loads(row.meta),
        "images": [{name: getattr(image, name) for name in described} for image in row.images],
    }


def _digests(built: BuiltRow) -> tuple[str, ...]:
    return tuple(image.source_digest for image in built.row.images)


def _require(holds: bool, task: Task | str, fault: str) -> None:
    if not holds:
        raise ContractError(f"{task if isinstance(task, str) else task.name}: {fault}")


__all__ = ["Split", "check_task"]
