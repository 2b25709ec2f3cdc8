"""Shared helpers of the tests of ``m3it verify``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.cli import app
from m3it_builder.tasks.registry import Task
from m3it_builder.tasks.sampling import write_sample
from m3it_builder.verify.run import VerifyOptions, VerifyReport
from m3it_builder.verify.run import verify as run_verify
from tests.support import mixed
from tests.support.paths import ALL

SMALL = PipelineFile.model_validate({"output": {"format": ("webdataset",), "shard_mb": 0.03}})
PLAN = Plan(file=SMALL, formats=ALL)
WRONG_DIGEST = "blake3:" + "0" * 64


def task_named(name: str) -> Task:
    return mixed.TASK if name == "mixed" else load_task(name)


def build(sources: Path, out: Path, name: str, plan: Plan = PLAN, count: int = 4) -> None:
    task = task_named(name)
    if not (sources / name).exists():
        write_sample(task, sources / name, count)
    for split in task.card.splits:
        Build(sources=sources / name, out=out, plan=plan).unit(task, split)


def verify_command(build: Path, *words: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Run ``m3it verify --json``; return its status, findings by check, and standard error."""
    done = CliRunner().invoke(app, ["verify", str(build), "--json", "-j", "1", *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    value = json.loads(done.stdout)
    findings = {entry["check"]: entry for entry in value["findings"]}
    assert value["count"] == sum(entry["count"] for entry in findings.values())
    return done.exit_code, findings, done.stderr


def verify(folder: Path, **options: Any) -> VerifyReport:
    return run_verify(folder, VerifyOptions(**options))


def counts(report: VerifyReport) -> dict[str, int]:
    """Return the number of findings by check."""
    return {entry.check: entry.count for entry in report.findings}
