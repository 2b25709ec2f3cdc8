"""The command ``m3it verify``: progress, worker processes, output, memory."""

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
from m3it_builder.errors import BuildError, UsageError
from m3it_builder.tasks.sampling import write_sample
from tests.build.test_endurance import peak_kilobytes
from tests.support import edits, plants
from tests.support.command import assert_one_line, run_m3it
from tests.support.paths import ALL
from tests.support.verifying import PLAN, verify, verify_command


def test_quick_does_not_open_shards(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    for name in ALL:
        path = edits.shard_path(folder, name)
        path.write_bytes(bytes(path.stat().st_size))
    assert verify_command(folder, "--quick")[:2] == (0, {})
    code, findings, _ = verify_command(folder)
    assert code == 1
    assert findings["file_digest"]["count"] == len(ALL)


class RecordingProgress:
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
def test_progress_adds_up_to_the_total(base: Path, workers: int) -> None:
    progress = RecordingProgress()
    sources = base / "src" / "refcoco"
    report = verify(
        base / "out", tasks=("refcoco",), sources=sources, workers=workers, progress=progress
    )
    assert [phase[0] for phase in progress.phases] == ["shards", "names of sources", "sources"]
    assert [phase[1] for phase in progress.phases] == progress.done
    assert progress.done[0] == report.bytes > 0
    verify(base / "out", tasks=("refcoco",), quick=True, progress=progress)
    assert progress.phases[-1] == ("shards", report.rows, "rows")
    assert progress.done[-1] == report.rows


def test_report_does_not_depend_on_workers(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)
    edits.edit_jsonl(folder, lambda rows: rows[0].update(outputs="x"))
    edits.edit_tar(folder, plants.swap_rows)
    one, two = verify(folder), verify(folder, workers=2)
    assert one == two
    assert len(one.findings) > 1


def test_all_findings_are_counted_and_the_first_are_kept(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(base / "out" / "mixed", folder)

    def corrupt_gold(rows: edits.Rows) -> None:
        for row in rows:
            row["turns"] += row["turns"] * 9
            for turn in row["turns"]:
                turn["gold"] = 3

    edits.edit_index(folder, corrupt_gold)
    _, findings, _ = verify_command(folder, "--quick")
    assert findings["choices"]["count"] == 120
    assert len(findings["choices"]["examples"]) == 20


def test_text_output(base: Path, tmp_path: Path) -> None:
    clean = run_m3it("verify", base / "out", "--task", "mixed", "--split", "test", "-j", "1")
    assert clean.returncode == 0, clean.stderr
    assert "1 units, 12 rows" in clean.stdout
    assert "no findings" in clean.stdout
    shutil.copytree(base / "out" / "mixed", tmp_path / "mixed")
    edits.edit_jsonl(tmp_path / "mixed", lambda rows: rows[0].update(inputs="[red]x[/red]"))
    done = run_m3it("verify", tmp_path, "--quick", "-j", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no shard was opened (--quick)" in done.stdout
    done = run_m3it("verify", tmp_path, "-j", "1")
    assert_one_line(done, 1, "text_differs 1")
    assert "mixed/jsonl/train-00000.jsonl row 0" in done.stdout


def test_nothing_to_verify_is_a_one_line_error(base: Path, tmp_path: Path) -> None:
    assert_one_line(run_m3it("verify", tmp_path), 1, "no finished build found")
    with pytest.raises(UsageError, match="contains no build of okvq; choose from mixed, okvqa"):
        verify(base / "out", tasks=("okvq",))
    with pytest.raises(BuildError, match="is not a folder"):
        verify(base / "out", quick=True, sources=tmp_path / "none")
    done = CliRunner().invoke(app, ["verify", str(base / "out"), "--split", "dev"])
    assert done.exit_code == 2


@pytest.mark.slow
def test_memory_does_not_grow_with_shard_size(tmp_path: Path) -> None:
    """One shard with eight times the rows, in every format."""
    peaks = {}
    for count in (5_000, 40_000):
        sources, out = tmp_path / f"src{count}", tmp_path / f"out{count}"
        write_sample(load_task("okvqa"), sources, count)
        plan = replace(PLAN, file=PipelineFile())
        report = Build(sources=sources, out=out, plan=plan).unit(load_task("okvqa"), "train")
        assert report.shards == len(ALL)
        command = [sys.executable, "-m", "m3it_builder", "verify", str(out), "--workers", "1"]
        peaks[count] = peak_kilobytes(command)
    assert peaks[40_000] <= 1.25 * peaks[5_000], peaks
