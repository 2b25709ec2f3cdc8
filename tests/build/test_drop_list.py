"""Drop lists of ``m3it build --drop``: validation, and their effect on a build."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3it_builder.build.builder import Build
from m3it_builder.build.drop_list import drop_list, dropped_digest, listed
from m3it_builder.errors import BuildError, M3ITError
from tests.support.building import (
    TEXT_PLAN,
    build,
    index_rows,
    numbered_task,
    placeholder_sources,
    reject_rows,
)


def write_list(path: Path, ids: Iterable[str], task: str = "numbers", split: str = "train") -> Path:
    lines = [{"task": task, "split": split, "id": row_id} for row_id in ids]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    return path


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.jsonl", None, "there is no such drop list"),
        ("list.csv", "task,split,id", r"\.parquet or \.jsonl"),
        ("list.jsonl", '{"task": "one", "split": "train"}\n', "not a drop list.*line 1"),
        ("list.jsonl", "nonsense\n", "line 1"),
        ("list.parquet", "nonsense", "not a drop list"),
        ("list.jsonl", '{"task": "one", "split": "train", "id": 25}\n', "ids must be strings"),
        ("list.jsonl", '{"task": "one", "split": "train", "id": ["a"]}\n', "ids must be strings"),
        ("list.jsonl", '{"task": "one", "split": "val", "id": "a"}\n', "splits train / validation"),
    ],
)
def test_malformed_lists(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(M3ITError, match=message) as caught:
        plan = replace(TEXT_PLAN, drop=(drop_list(path),))
        build(placeholder_sources(tmp_path), tmp_path / "out", plan, numbered_task(3))
    assert str(caught.value).startswith(f"{path}: ")


def test_both_formats_and_other_columns(tmp_path: Path) -> None:
    write_list(tmp_path / "a.jsonl", ["1", "2"])
    table = pa.table({"id": ["2", "3"], "split": ["train", "test"], "task": ["numbers"] * 2,
                      "reason": ["exact", "near"]})  # fmt: skip
    pq.write_table(table, tmp_path / "b.parquet")
    lists = [drop_list(tmp_path / "a.jsonl"), drop_list(tmp_path / "b.parquet")]
    assert listed(lists, ("numbers", "train")) == {"1": "a.jsonl", "2": "b.parquet"}
    assert listed(lists, ("numbers", "test")) == {"3": "b.parquet"}
    assert listed(lists, ("other", "train")) == {}


def test_digest_covers_only_the_unit(tmp_path: Path) -> None:
    path, unit = tmp_path / "a.jsonl", ("numbers", "train")

    def digest(text: str) -> str:
        path.write_text(text)
        return dropped_digest([drop_list(path)], unit)

    line = '{"task": "numbers", "split": "train", "id": "1"}\n'
    first = digest(line)
    assert first.startswith("a.jsonl: ")
    assert digest(line + line.replace("train", "test")) == first
    assert digest(line + line.replace("numbers", "other")) == first
    assert digest(line.replace('"1"', '"2"')) != first
    assert digest(line.replace("numbers", "other")) == ""


def test_limit_applies_before_rows_are_dropped(tmp_path: Path) -> None:
    """Rows that replaced the dropped ones would not have been searched for duplicates."""
    sources, task = placeholder_sources(tmp_path), numbered_task(34)
    plan = replace(TEXT_PLAN, limit=10)
    build(sources, tmp_path / "first", plan, task)
    chosen = [row["id"] for row in index_rows(tmp_path / "first", "numbers")]
    path = write_list(tmp_path / "list.jsonl", [*chosen[:4], "unknown"])
    report = build(sources, tmp_path / "second", replace(plan, drop=(drop_list(path),)), task)
    assert (report.rows, report.rejects["dropped"], report.unmatched) == (6, 4, 1)
    rows = index_rows(tmp_path / "second", "numbers")
    assert [row["id"] for row in rows] == chosen[4:]
    details = {row["detail"] for row in reject_rows(tmp_path / "second", "numbers")
               if row["reason"] == "dropped"}  # fmt: skip
    assert details == {"listed in list.jsonl"}


def test_units_without_listed_rows_stay_up_to_date(tmp_path: Path) -> None:
    sources, out = placeholder_sources(tmp_path), tmp_path / "out"
    task = numbered_task(6, train={}, validation={})
    for split in task.card.splits:
        Build(sources=sources, out=out, plan=TEXT_PLAN).unit(task, split)
    path = write_list(tmp_path / "list.jsonl", ["1"], split="validation")
    work = Build(sources=sources, out=out, plan=replace(TEXT_PLAN, drop=(drop_list(path),)))
    assert work.unit(task, "train").status == "up to date"
    with pytest.raises(BuildError, match=r"changed: .*drop lists"):
        work.unit(task, "validation")
    report = replace(work, replace=True).unit(task, "validation")
    assert (report.rows, report.rejects) == (5, {"dropped": 1})
    assert work.unit(task, "validation").status == "up to date"


def test_list_that_changes_during_the_build(tmp_path: Path) -> None:
    path = write_list(tmp_path / "list.jsonl", ["1"])
    plan = replace(TEXT_PLAN, drop=(drop_list(path),))
    path.write_text("")
    with pytest.raises(BuildError, match="changed since the build began; repeat the command"):
        build(placeholder_sources(tmp_path), tmp_path / "out", plan, numbered_task(3))
