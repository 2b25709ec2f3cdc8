"""The command, its progress, its processes and its memory."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import PipelineFile
from m3it_builder.cli import app
from m3it_builder.errors import BuildError
from m3it_builder.tasks.sampling import write_sample
from tests.build.test_endurance import peak_kilobytes
from tests.support import faults, planted
from tests.support.command import assert_one_line, run_m3it
from tests.support.paths import ALL
from tests.support.verifying import PLAN, verdict, verified


def test_quick_opens_no_shard(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    for name in ALL:
        path = faults.shard(folder, name)
        path.write_bytes(bytes(path.stat().st_size))
    assert verified(folder, "--quick")[:2] == (0, {})
    code, found, _ = verified(folder)
    assert code == 1
    assert found["file_digest"]["count"] == len(ALL)


class Watched:
    def __init__(self) -> None:
        self.phases: list[tuple[str, int | None, str]] = []
        self.done: list[int] = []

    def start(self, title: str, total: int | None, unit: str = "rows") -> None:
        self.phases.append((title, total, unit))
        self.done.append(0)

    def advance(self, done: int, *_: int) -> None:
        self.done[-1] += done

    def finish(self) -> None: ...


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_ends_where_it_should(base: Path, workers: int) -> None:
    seen = Watched()
    sources = base / "src" / "refcoco"
    found = verdict(
        base / "out", tasks=("refcoco",), sources=sources, workers=workers, progress=seen
    )
    assert [phase[0] for phase in seen.phases] == ["shards", "sources"]
    assert [phase[1] for phase in seen.phases] == seen.done, "shared images count too"
    assert seen.done[0] == found.bytes > 0
    verdict(base / "out", tasks=("refcoco",), quick=True, progress=seen)
    assert seen.phases[-1] == ("shards", found.rows, "rows")
    assert seen.done[-1] == found.rows


def test_processes_change_nothing(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    faults.lines(folder, lambda rows: rows[0].update(outputs="x"))
    faults.members(folder, planted.swap_rows)
    one, two = verdict(folder), verdict(folder, workers=2)
    assert one == two
    assert len(one.findings) > 1


def test_faults_without_number_are_counted_and_the_first_are_kept(
    base: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)

    def spoil(rows: faults.Rows) -> None:
        for row in rows:
            row["turns"] += row["turns"] * 9
            for turn in row["turns"]:
                turn["gold"] = 3

    faults.index(folder, spoil)
    _, found, _ = verified(folder, "--quick")
    assert found["choices"]["count"] == 120
    assert len(found["choices"]["faults"]) == 20


def test_command_for_people(base: Path, tmp_path: Path) -> None:
    clean = run_m3it("verify", base / "out", "--task", "mixed", "--split", "test", "-j", "1")
    assert clean.returncode == 0, clean.stderr
    assert "1 units, 12 rows" in clean.stdout
    assert "no fault found" in clean.stdout
    shutil.copytree(base / "out" / "mixed", tmp_path / "mixed")
    faults.lines(tmp_path / "mixed", lambda rows: rows[0].update(inputs="[red]x[/red]"))
    done = run_m3it("verify", tmp_path, "--quick", "-j", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no shard was opened (--quick)" in done.stdout
    done = run_m3it("verify", tmp_path, "-j", "1")
    assert_one_line(done, 1, "text_differs 1")
    assert "mixed/jsonl/train-00000.jsonl row 0" in done.stdout


def test_nothing_to_verify_is_one_line(base: Path, tmp_path: Path) -> None:
    assert_one_line(run_m3it("verify", tmp_path), 1, "holds no finished build")
    with pytest.raises(BuildError, match="holds no build of okvq; it has mixed, okvqa"):
        verdict(base / "out", tasks=("okvq",))
    with pytest.raises(BuildError, match="is no folder"):
        verdict(base / "out", quick=True, sources=tmp_path / "none")
    done = CliRunner().invoke(app, ["verify", str(base / "out"), "--split", "dev"])
    assert done.exit_code == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shard(tmp_path: Path) -> None:
    """One shard of eight times the rows, in every format."""
    peaks = {}
    for count in (5_000, 40_000):
        sources, out = tmp_path / f"src{count}", tmp_path / f"out{count}"
        write_sample(load_task("okvqa"), sources, count)
        plan = replace(PLAN, file=PipelineFile())
        report = Build(sources=sources, out=out, plan=plan).unit(load_task("okvqa"), "train")
        assert report.shards == len(ALL)
        words = [sys.executable, "-m", "m3it_builder", "verify", str(out), "--workers", "1"]
        peaks[count] = peak_kilobytes(words)
    assert peaks[40_000] <= 1.25 * peaks[5_000], peaks
