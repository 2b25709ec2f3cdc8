"""Drop lists of ``m3it build --drop``: which are accepted, and what they change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.build.builder import Build, Report
from m3it_builder.build.plan import Overrides, load_pipeline, make_plan
from m3it_builder.errors import BuildError
from m3it_builder.tasks.registry import Task
from tests.support.duplicates import build_tasks


def build_with_list(tmp_path: Path, task: Task, path: Path) -> Report:
    plan = make_plan(load_pipeline("default"), Overrides(drop=[str(path)]))
    return Build(sources=tmp_path / "src", out=tmp_path / "out", plan=plan).unit(task, "train")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("gone.jsonl", None, "cannot be read"),
        ("list.csv", "task,split,id", r"\.parquet or \.jsonl"),
        ("list.jsonl", '{"task": "one", "split": "train"}\n', "not a list of rows to drop.*line 1"),
        ("list.jsonl", "nonsense\n", "line 1"),
        ("list.parquet", "nonsense", "not a list of rows to drop"),
        ("list.jsonl", '{"task": "one", "split": "train", "id": 25}\n', "ids are texts"),
        ("list.jsonl", '{"task": "one", "split": "train", "id": ["a"]}\n', "ids are texts"),
        ("list.jsonl", '{"task": "one", "split": "val", "id": "a"}\n', "splits train / validation"),
    ],
)
def test_malformed_lists_are_refused(
    tmp_path: Path, planted_tasks: list[Task], name: str, text: str | None, message: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(BuildError, match=message):
        build_with_list(tmp_path, planted_tasks[0], path)


def test_limit_applies_before_rows_are_dropped(tmp_path: Path, planted_tasks: list[Task]) -> None:
    """If other rows replaced the dropped ones, no search would have compared them."""
    path = tmp_path / "list.jsonl"
    overrides = Overrides(limit=10, max_reject_share=1.0)
    first = make_plan(load_pipeline("default"), overrides)
    task = planted_tasks[0]
    Build(sources=tmp_path / "src", out=tmp_path / "first", plan=first).unit(task, "train")
    index = tmp_path / "first/one/meta/train/index.parquet"
    chosen = pq.read_table(index, columns=["id"])["id"].to_pylist()
    listed = (*chosen[:4], "unknown")
    lines = [{"task": "one", "split": "train", "id": row_id} for row_id in listed]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    plan = make_plan(load_pipeline("default"), replace(overrides, drop=[str(path)]))
    report = Build(sources=tmp_path / "src", out=tmp_path / "second", plan=plan).unit(task, "train")
    assert (report.rows, report.rejects["dropped"], report.unmatched) == (6, 4, 1)
    left = pq.read_table(tmp_path / "second/one/meta/train/index.parquet", columns=["id"])
    assert set(left["id"].to_pylist()) == set(chosen[4:])


def test_units_without_listed_rows_stay_up_to_date(
    tmp_path: Path, planted_tasks: list[Task]
) -> None:
    build_tasks(tmp_path, planted_tasks)
    path = tmp_path / "list.jsonl"
    path.write_text('{"task": "two", "split": "validation", "id": "v1"}\n')
    assert build_with_list(tmp_path, planted_tasks[0], path).status == "up to date"
    plan = make_plan(load_pipeline("default"), Overrides(drop=[str(path)], max_reject_share=1.0))
    work = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=plan)
    with pytest.raises(BuildError, match=r"changed: .*rows to drop"):
        work.unit(planted_tasks[1], "validation")
    report = replace(work, replace=True).unit(planted_tasks[1], "validation")
    assert (report.rows, report.rejects) == (5, {"dropped": 1})
    assert work.unit(planted_tasks[1], "validation").status == "up to date"


def test_list_that_changes_during_the_build_is_refused(
    tmp_path: Path, planted_tasks: list[Task]
) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text('{"task": "one", "split": "train", "id": "a1"}\n')
    plan = make_plan(load_pipeline("default"), Overrides(drop=[str(path)]))
    path.write_text("")
    work = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=plan)
    with pytest.raises(BuildError, match="has changed since the build began"):
        work.unit(planted_tasks[0], "train")
