"""Clauses of the contract about builds: repeatable, and equal in all formats."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.build.unit import Unit
from m3it_builder.dataset.layout import REJECTS, STATE_FOLDER
from m3it_builder.dataset.manifest import Manifest, manifests
from m3it_builder.dataset.reader import BuiltRow, read_rows
from m3it_builder.errors import ContractError, EmptyUnitError, M3ITError
from m3it_builder.records import JsonObject
from m3it_builder.shards.formats import FORMATS
from m3it_builder.tasks.registry import Task, variants_of
from m3it_builder.tasks.sampling import write_sample
from m3it_builder.testing.expectation import expected_row
from m3it_builder.testing.require import error_in_task, require
from m3it_builder.testing.rows import (
    check_row,
    check_splits,
    list_rejects,
    require_apart,
    require_no_converter_errors,
)

SAMPLE_COUNT = 4
_PLAN = Plan(formats=("arrow", "jsonl", "parquet", "webdataset"), max_reject_share=1.0)


def check_config(task: Task, source: Path, folder: Path) -> JsonObject:
    """Build a source twice, check both builds, and return what ``expected.json`` contains."""
    copy = folder / "copy of source"
    shutil.copytree(source, copy)
    units = _build(task, source, folder / "first")
    _build(task, copy, folder / "second")
    _check_same_files(task, folder / "first" / task.name, folder / "second" / task.name)
    built = folder / "first" / task.name
    paths = (str(source), str(copy), str(folder))
    rejects = {unit.split: list_rejects(built, unit, task, paths) for unit in units}
    rows = {unit.split: list(read_rows(built, unit)) for unit in units}
    check_splits(task, rows)
    for unit in units:
        _check_formats(built, unit, rows[unit.split])
        for row in rows[unit.split]:
            check_row(task, row, paths)
    return {
        unit.split: {
            "rows": [expected_row(row) for row in rows[unit.split]],
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
            require_no_converter_errors(Unit(task.name, split, out).state / REJECTS, task)
            raise ContractError(
                f"{task.name}: split {split} has no rows; rejects: {dict(error.reasons)}"
            ) from error
    return list(manifests(out / task.name))


def _check_same_files(task: Task, first: Path, second: Path) -> None:
    names = [_files(folder) for folder in (first, second)]
    require(names[0] == names[1], task, "two runs wrote different files")
    for name in names[0]:
        same = (first / name).read_bytes() == (second / name).read_bytes()
        require(same, task, f"two runs over equal input differ in {name}")


def _files(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())
    return [path.as_posix() for path in paths if STATE_FOLDER not in path.parts]


def _check_formats(built: Path, unit: Manifest, rows: list[BuiltRow]) -> None:
    for name in FORMATS:
        images = [row.images for row in read_rows(built, unit, format_name=name)]
        same = images == [row.images for row in rows]
        require(same, unit.task, f"the images of {unit.split} differ in {name} shards")


def sample_source(task: Task, folder: Path) -> Path:
    """Write the sample files of a task, and return their folder.

    Raises:
        ContractError: the sample writer raised an error; the message names its line.
    """
    try:
        write_sample(task, folder, SAMPLE_COUNT)
    except M3ITError:
        raise
    except (Exception, SystemExit) as error:  # code of the author, which the command must survive
        raise error_in_task(task.name, error) or error from error
    return folder


def check_sample(task: Task, folder: Path) -> None:
    """Require that the sample writer is deterministic, and that its files build completely."""
    first, second = (sample_source(task, folder / name) for name in ("sample", "sample again"))
    _check_same_files(task, first, second)
    plan = replace(_PLAN, formats=("webdataset",))
    for config in (task, *variants_of(task)):
        work = Build(sources=first, out=folder / "sampled", plan=plan)
        for split, entry in config.card.splits.items():
            report = work.unit(config, split)
            allowed = {"answer_withheld"} if entry.answers == "withheld" else set()
            unexpected = sorted(set(report.rejects) - allowed - {"not_chosen"})
            require(not unexpected, config, f"its sample has rejects in {split}: {unexpected}")
            require(bool(report.rows or allowed), config, f"its sample has no rows in {split}")
        built = folder / "sampled" / config.name
        rows = {unit.split: list(read_rows(built, unit)) for unit in manifests(built)}
        require_apart(config, rows, "its sample: ")
