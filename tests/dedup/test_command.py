"""The command ``m3it dedup``, and its list as an option of ``m3it build``."""

from __future__ import annotations

import json
from pathlib import Path

from m3it_builder.tasks.registry import Task
from tests.support.command import assert_one_line, run_m3it
from tests.support.duplicates import build_tasks
from tests.support.paths import tree


def test_dedup_writes_and_prints_a_report(tmp_path: Path, planted_tasks: list[Task]) -> None:
    out = build_tasks(tmp_path, planted_tasks)
    done = run_m3it("dedup", out, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    assert "exact_image" in done.stdout
    assert "34 distinct images: 34 decoded" in done.stdout
    done = run_m3it("dedup", out, "--out", tmp_path / "report", "--json", "--keep", "all")
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "report" / "report.json").read_text())
    assert report["dropped"] == []
    assert run_m3it("dedup", out, "--out", tmp_path / "r", "--keep", "none").returncode == 2


def test_a_report_replaces_reports_only(tmp_path: Path, planted_tasks: list[Task]) -> None:
    out = build_tasks(tmp_path, planted_tasks)
    before = tree(out)
    for folder in (out / "one", out / "one" / "meta", out / "one" / "new"):
        assert_one_line(run_m3it("dedup", out, "--out", folder), 2, "choose another --out")
    assert tree(out) == before
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("report.json", "drop.parquet"):
        (mine / name).write_text('{"title": "mine"}')
        assert_one_line(run_m3it("dedup", out, "--out", mine), 1, name, "choose another --out")
        assert tree(mine) == {name: b'{"title": "mine"}'}
        (mine / name).unlink()


def test_folder_without_a_build_is_one_line(tmp_path: Path) -> None:
    done = run_m3it("dedup", tmp_path / "x", "--out", tmp_path / "r")
    assert_one_line(done, 1, "no finished")


def test_build_drops_listed_rows(tmp_path: Path) -> None:
    drop_list = tmp_path / "list.jsonl"
    row = {"task": "okvqa", "split": "train", "id": "25", "why": "other keys are ignored"}
    drop_list.write_text(json.dumps(row) + "\n")
    options = ["--task", "okvqa", "--split", "train", "--sample", "--sample-rows", "5"]
    done = run_m3it("build", *options, "--out", tmp_path / "new", "--drop", drop_list, "--json")
    assert json.loads(done.stdout)[0]["rejects"] == {"dropped": 1}, done.stdout + done.stderr
