"""Slow test: the bundled pipelines build everything from sample data, and do it once."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from m3it_builder.build.plan import load_pipeline
from m3it_builder.tasks.registry import load_task
from tests.support.command import run_m3it

pytestmark = pytest.mark.slow


def test_every_task_is_built_audited_and_verified(tmp_path: Path) -> None:
    words = ("build", "--pipeline", "smoke", "--sample", "--workers", "2", "--json")
    done = run_m3it(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    reports = json.loads(done.stdout)
    expected = {
        (name, split)
        for name in load_pipeline("smoke").tasks
        for split, entry in load_task(name).card.splits.items()
        if entry.answers == "public"
    }
    assert {(one["task"], one["split"]) for one in reports if one["rows"]} >= expected
    audited = run_m3it("audit", "build", cwd=tmp_path)
    assert audited.returncode == 0, audited.stdout
    verified = run_m3it("verify", "build", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    again = run_m3it(*words, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert {one["status"] for one in json.loads(again.stdout)} == {"up to date"}
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"nothing to do: {seconds:.2f} s of CPU time")  # noqa: T201 - a number for the log
