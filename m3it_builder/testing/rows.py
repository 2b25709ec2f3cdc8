"""Clauses of the contract about rows and rejects."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from m3it_builder.dataset.index_row import IndexRow
from m3it_builder.dataset.manifest import Manifest
from m3it_builder.dataset.reader import BuiltRow
from m3it_builder.errors import ContractError
from m3it_builder.media.images import require_decodable
from m3it_builder.media.probe import BadImage
from m3it_builder.tasks.registry import Task
from m3it_builder.testing.require import require

# Rejects that mean an error in converter or card, whatever the source contains.
CONVERTER_ERRORS = {
    *("image_count", "gold_not_in_choices", "duplicate_choice", "empty_choice", "region_missing")
}
_TOKEN = re.compile(r"\{box:(\d+)\}")


def check_splits(task: Task, rows: dict[Any, list[BuiltRow]]) -> None:
    """Require rows in every split, unique ids, and no row in two splits."""
    require_apart(task, rows)
    for split, entry in task.card.splits.items():
        withheld = entry.answers == "withheld"
        require(withheld or bool(rows[split]), task, f"split {split} has no rows")
        ids = [row.row.id for row in rows[split]]
        require(len(set(ids)) == len(ids), task, f"split {split} has duplicate ids")
    most = max(map(len, rows.values()))
    require(most >= 3, task, "no split of the fixture has three rows, which a check of order needs")


def require_apart(task: Task, rows: dict[Any, list[BuiltRow]], where: str = "") -> None:
    """Require that no row, of equal images and inputs, occurs in two splits."""
    split_of: dict[tuple[str, ...], str] = {}
    for split in (split for split in task.card.splits if split in rows):
        for key in sorted({(row.row.inputs, *_digests(row)) for row in rows[split]}):
            other = split_of.setdefault(key, split)
            problem = f"{where}a row of {split} is also in {other}: {key[0]!r}"
            require(other == split, task, problem)


def check_row(task: Task, built: BuiltRow, folders: tuple[str, ...]) -> None:
    """Require that a row has its texts, regions and images, and no path of the machine."""
    row = built.row
    where = f"row {row.split}/{row.id}"
    published = msgspec.json.encode(row).decode()
    for folder in folders:
        require(folder not in published, task, f"{where} contains the local path {folder}")
    is_object = isinstance(json.loads(row.meta), dict)
    require(is_object, task, f"{where} has a meta that is not a JSON object")
    require(bool(row.outputs.strip()), task, f"{where} has no output")
    for field in ("instruction", "inputs", "outputs"):
        token = _TOKEN.search(getattr(row, field))
        require(token is None, task, f"{where} has an unrendered region in its {field}")
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
            require(matches, task, f"{where}: the gold choice is not the answer")
        for text in (turn.question, turn.answer):
            for token in _TOKEN.findall(text):
                exists = int(token) < len(row.regions)
                require(exists, task, f"{where}: {text!r} refers to box {token}, which is missing")
    for region in row.regions:
        exists = region.image < len(row.images)
        require(exists, task, f"{where}: a region is on image {region.image}, which is missing")


def list_rejects(
    built: Path, unit: Manifest, task: Task, paths: tuple[str, ...]
) -> list[dict[str, str]]:
    """Return stage, id and reason of each reject; none of them may be an error of the converter."""
    table = built / unit.reject_table.path
    require_no_converter_errors(table, task)
    rows = pq.read_table(table).to_pylist()
    for row in rows:
        name = f"{row['split']}/{row['id']}"
        for path in paths:
            require(
                path not in row["detail"], task, f"reject {name} contains the local path {path}"
            )
    return [{key: row[key] for key in ("stage", "id", "reason")} for row in rows]


def require_no_converter_errors(table: Path, task: Task) -> None:
    """Require that no reject of a table is an error of converter or card."""
    for row in pq.read_table(table).to_pylist():
        name, reason, detail = f"{row['split']}/{row['id']}", row["reason"], row["detail"]
        if reason == "image_count":
            found, _, allowed = detail.partition(", not ")
            detail = f"{found} images, where the card allows {allowed}"
        problem = f"{name} is rejected as {reason} ({detail}); correct the converter or card"
        require(reason not in CONVERTER_ERRORS, task, problem)


def _digests(built: BuiltRow) -> tuple[str, ...]:
    return tuple(image.source_digest for image in built.row.images)
