"""Units side by side: the same bytes, one failure a unit, the rest built."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import errors as errors_module
from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.build.report import Report
from m3it_builder.build.side_by_side import UnitBuild, build_units
from m3it_builder.errors import EmptyUnitError, MissingSourcesError, SourceError
from m3it_builder.tasks.sampling import write_all_once
from tests.support.command import run_m3it
from tests.support.paths import tree

NAMES = ("okvqa", "coco-itm", "nlvr", "visual-dialog")


class Recorder:
    """A progress callback that records what it receives."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.done = Counter[str]()
        self.notes: list[str] = []

    def start(self, title: str, total: int | None, unit: str = "rows") -> None:
        self.phases.append(f"{title}: {total} {unit}")

    def advance(self, done: int, size: int = 0, rejects: int = 0) -> None:
        self.done.update(done=done, size=size, rejects=rejects)

    def finish(self) -> None:
        pass

    def note(self, message: str) -> None:
        self.notes.append(message)


def units_of(
    folder: Path, out: str, workers: int, plan: Plan, recorder: Recorder
) -> list[UnitBuild]:
    tasks = [load_task(name) for name in NAMES]
    folders = write_all_once(tasks, folder / "samples", 30, workers, recorder)
    return [
        UnitBuild(
            Build(sources=source, out=folder / out, plan=plan, workers=workers, progress=recorder),
            task,
            split,
        )
        for source, task in zip(folders, tasks, strict=True)
        for split in task.card.splits
    ]


def run(
    folder: Path, out: str, workers: int, plan: Plan | None = None
) -> tuple[list[Report], list[errors_module.Failure], Recorder]:
    recorder = Recorder()
    plan = plan or Plan(formats=("parquet", "webdataset"))
    reports, failures = build_units(
        units_of(folder, out, workers, plan, recorder), workers, recorder
    )
    return reports, failures, recorder


@pytest.mark.parametrize("shard_mb", [256.0, 0.02])
def test_same_bytes_as_one_after_the_other(tmp_path: Path, shard_mb: float) -> None:
    """Also with units of so many shards that they are packed by all workers afterwards."""
    file = Plan().file
    output = file.output.model_copy(update={"shard_mb": shard_mb})
    plan = Plan(formats=("parquet",), file=file.model_copy(update={"output": output}))
    one, failures, _ = run(tmp_path, "one", 1, plan)
    assert not failures
    two, failures, recorder = run(tmp_path, "two", 2, plan)
    assert not failures
    assert two == one
    assert tree(tmp_path / "two") == tree(tmp_path / "one")
    assert any(report.shards > 1 for report in one) == (shard_mb < 1)
    assert recorder.phases[0] == f"{len(one)} units: {len(one)} units"
    assert recorder.done["rejects"] == sum(sum(report.rejects.values()) for report in one)
    again, failures, recorder = run(tmp_path, "two", 2, plan)
    assert [report.status for report in again] == ["up to date"] * len(one)
    assert recorder.phases == [], "no process is started if nothing is to be done"


def test_samples_are_those_of_one_process(tmp_path: Path) -> None:
    tasks = [load_task(name) for name in NAMES]
    for workers in (1, 2):
        write_all_once(tasks, tmp_path / str(workers), 5, workers, Recorder())
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_a_unit_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    units = units_of(tmp_path, "out", 2, Plan(), Recorder())
    broken = tmp_path / "samples" / ".m3it-sample" / "nlvr" / "nlvr2-annotations" / "dev.json"
    broken.write_text("{")
    missing = units[0].build
    assert isinstance(missing, Build)
    units.append(UnitBuild(replace(missing, sources=tmp_path / "none"), load_task("coco"), "train"))
    reports, failures = build_units(units, 2, Recorder())
    assert [failure.unit for failure in failures] == ["nlvr/validation", "coco/train"]
    assert len(reports) == len(units) - 2
    assert {report.status for report in reports} == {"built"}
    assert isinstance(failures[1].error, MissingSourcesError)


def test_plans_are_made_side_by_side(tmp_path: Path) -> None:
    recorder = Recorder()
    units = [
        replace(unit, build=replace(unit.build, plan_only=True))
        for unit in units_of(tmp_path, "out", 2, Plan(), recorder)
    ]
    reports, failures = build_units(units, 2, recorder)
    assert not failures
    assert {report.status for report in reports} == {"planned"}
    assert not list((tmp_path / "out").glob("*/webdataset"))


@pytest.mark.parametrize(
    "error",
    [
        SourceError("okvqa: problem", "remedy"),
        EmptyUnitError("no row is left", {"image_missing": 3}),
        MissingSourcesError("okvqa", ["train"], {"okvqa-annotations": "fetch it"}),
    ],
)
def test_errors_survive_the_way_to_the_parent(error: errors_module.M3ITError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled in the same line
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_sigterm_ends_all_workers_and_the_build_resumes(tmp_path: Path) -> None:
    words = ["build", "--sample", "--sample-rows", "60", "--workers", "2", "--out", str(tmp_path)]
    for name in NAMES:
        words += ["--task", name]
    process = subprocess.Popen(
        [sys.executable, "-m", "m3it_builder", *words], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/.m3it/*/work")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Traceback" not in errors
    reports = json.loads(run_m3it(*words, "--json").stdout)
    assert all(report["rows"] for report in reports if report["split"] == "train")
    assert {report["task"] for report in reports} == set(NAMES)
