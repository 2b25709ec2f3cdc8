"""Tables, sizes and progress lines as they are printed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import typer

from m3it_builder.cli import bars
from m3it_builder.cli.bars import ProgressLines
from m3it_builder.cli.output import format_counts, print_failures, print_json, print_table
from m3it_builder.errors import BuildError, Failure, RejectShareError


def test_progress_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    monkeypatch.setattr(bars, "time", SimpleNamespace(monotonic=lambda: seconds[0]))
    display = ProgressLines()
    display.start("shards", 2_000_000, "bytes")
    seconds[0] = 10.0
    display.advance(1_000)
    assert capsys.readouterr().err == "", "too early for a line"
    seconds[0] = 40.0
    display.advance(999_000)
    assert capsys.readouterr().err == "shards: 1.0 MB of 2.0 MB, 25.0 kB/s\n"
    display.start("okvqa/train images", 9_009)
    seconds[0] = 80.0
    display.advance(4_000, 123_456_789, 3)
    display.finish()
    expected = "okvqa/train images: 4,000 of 9,009, 100/s, 123.5 MB, 3 rejects\n"
    assert capsys.readouterr().err == expected


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("coco", 1_000, None, True), ("[red]", 7, None, False)]
    print_table(("task", "rows", "note", "ok"), rows, title="tasks")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["tasks"] in lines
    assert ["coco", "1,000", "yes"] in lines
    assert ["[red]", "7", "no"] in lines, "markup of rich is escaped"


def test_json_with_large_integers(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"n": 2**70, "text": "猫"})
    assert capsys.readouterr().out == '{\n  "n": 1180591620717411303424,\n  "text": "猫"\n}\n'


def test_counts() -> None:
    assert (
        format_counts({"no_answer": 1_200, "duplicate_id": 1}) == "no_answer 1,200, duplicate_id 1"
    )
    assert format_counts({}) is None


def test_failures_exit_with_the_lowest_status(capsys: pytest.CaptureFixture[str]) -> None:
    print_failures([])
    failures = [
        Failure("coco/train", RejectShareError("coco/train: 5 of 9")),
        Failure("coco/test", BuildError("coco/test: the disk is full")),
    ]
    with pytest.raises(typer.Exit) as caught:
        print_failures(failures)
    assert caught.value.exit_code == 1
    assert (
        capsys.readouterr().err == "m3it: coco/train: 5 of 9\nm3it: coco/test: the disk is full\n"
    )
