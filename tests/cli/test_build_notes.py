"""``--shard-mb``, and the notes after a build: at most one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.build.report import Report
from m3it_builder.cli import app
from m3it_builder.cli.build_notes import print_notes
from m3it_builder.dataset.manifest import manifests

BUILD = ("build", "-t", "okvqa", "--sample", "--sample-rows", "30", "-f", "parquet")


def run(*words: str | Path) -> tuple[int, list[str]]:
    """Run ``m3it`` in this process; return its status and the lines on stderr."""
    done = CliRunner().invoke(app, [*map(str, words)])
    return done.exit_code, done.stderr.splitlines()


def report(split: str, rows: int, shards: int, status: str = "built") -> Report:
    return Report(task="a", split=split, status=status, rows=rows, shards=shards, bytes=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e10", "small"])
def test_a_shard_size_is_a_positive_number(tmp_path: Path, value: str) -> None:
    for command in (BUILD, ("adopt", tmp_path)):
        status, lines = run(*command, "-o", tmp_path / "out", "--shard-mb", value)
        assert status == 2
        assert "Invalid value for '--shard-mb'" in lines[-1]
    assert not (tmp_path / "out").exists()


def test_shard_size_and_notes_of_a_build(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("# Mine\n")
    status, notes = run(*BUILD, "-o", tmp_path)
    assert status == 0
    assert [line.partition(":")[0] for line in notes] == ["note", "note"]
    few = (
        "fewer shards than a loader usually has workers (8): okvqa/train (1), okvqa/validation (1)"
    )
    assert few in notes[0]
    assert "--shard-mb (now 256)" in notes[0]
    assert f"{readme} is not as a build wrote it, and was left as it is" in notes[1]
    assert readme.read_text() == "# Mine\n"
    readme.unlink()
    assert run(*BUILD, "-o", tmp_path) == (0, []), "up to date"
    assert "config_name: okvqa" in readme.read_text()
    assert run(*BUILD, "-o", tmp_path, "--replace", "--shard-mb", "0.001") == (0, [])
    for unit in manifests(tmp_path / "okvqa"):
        assert unit.plan.shard_mb == 0.001
        assert len(unit.shards) >= 8


def test_one_note_names_all_splits_with_few_shards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(sources=tmp_path, out=tmp_path, plan=Plan(formats=("parquet", "jsonl")))
    reports = [report(f"s{number}", 100, 14) for number in range(6)]
    print_notes(build, [*reports, report("many", 100, 16), report("tiny", 7, 2)])
    assert capsys.readouterr().err == (
        "note: fewer shards than a loader usually has workers (8): a/s0 (7), a/s1 (7), a/s2 (7), "
        "a/s3 (7) and 2 more; a smaller --shard-mb (now 256) makes more\n"
    )
    print_notes(build, [report("s", 100, 2, "up to date"), report("many", 100, 16)])
    assert capsys.readouterr().err == ""
