"""Tables, sizes and progress lines as they are printed."""

from __future__ import annotations

import copy
import re
from io import StringIO
from types import SimpleNamespace

import pytest
import typer
from rich.console import Console

from m3it_builder.cli import bars
from m3it_builder.cli.bars import ProgressBars, ProgressLines
from m3it_builder.cli.failures import failure_lines, print_failures
from m3it_builder.cli.output import format_counts, print_json, print_table
from m3it_builder.errors import (
    BuildError,
    Failure,
    MissingSourcesError,
    RejectShareError,
    SourceError,
    foreseen,
)


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


def test_units_that_fail_of_one_cause_share_a_line() -> None:
    full = [PermissionError(13, "x", f"/out/coco/{split}/work") for split in ("train", "test")]
    errors = [foreseen(error) for error in full]
    failures = [
        *(Failure(f"coco/{number}", error) for number, error in enumerate(errors) if error),
        Failure("a/train", SourceError("a/train: train2014.zip is truncated")),
        Failure("a/test", SourceError("a/test: train2014.zip is truncated")),
        Failure("b/train", MissingSourcesError("b", ("train",), {"/s/x": "1.zip", "/s/y": "2."})),
        Failure("b/test", MissingSourcesError("b", ("test",), {"/s/x": "1.zip", "/s/z": "3."})),
        Failure("c/test", MissingSourcesError("c", ("test",), {"/s/x": "1.zip"})),
    ]
    lines = failure_lines(failures)
    assert [line.partition(";")[0] for line in lines[:2]] == [
        "/out/coco/train/work: permission denied",
        "a/train: train2014.zip is truncated (the same for a/test)",
    ]
    assert lines[0].endswith("(the same for coco/1)")
    assert lines[2].startswith(
        "b (train, test): source files are missing: /s/x/ (1.zip); /s/y/ (2.); /s/z/ (3.). "
    )
    assert lines[3].startswith("c/test: source files are missing: /s/x/ (1.zip). ")
    assert len(lines) == 4


def test_missing_sources_can_be_copied() -> None:
    error = MissingSourcesError("b", ("train",), {"/s/x": "1.zip"})
    copied = copy.deepcopy(error)
    assert (str(copied), copied.splits, copied.missing) == (str(error), error.splits, error.missing)


def bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[ProgressBars, StringIO]:
    stream = StringIO()
    terminal = Console(file=stream, force_terminal=True, width=100, highlight=False)
    monkeypatch.setattr(bars, "console", lambda **_: terminal)
    return ProgressBars(), stream


def last_line(stream: StringIO) -> str:
    return [line for line in re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", stream.getvalue()).splitlines()
            if line.strip()][-1]  # fmt: skip


@pytest.mark.parametrize("total", [4_350, None, 300, 0])
def test_a_finished_bar_is_complete(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    """The total of texts is the published number, which is not what a source has."""
    display, stream = bars_on_a_terminal(monkeypatch)
    display.start("vist/test text", total)
    display.advance(300)
    display.finish()
    last = last_line(stream)
    assert " 300, " in last
    assert "of 4,350" not in last
    assert "elapsed" in last
    assert display._bars is not None
    (task,) = display._bars.tasks
    assert task.percentage == 100


def test_a_bar_stays_as_it_is_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    display, stream = bars_on_a_terminal(monkeypatch)
    with pytest.raises(BuildError):
        try:
            display.start("vist/test text", 1_000)
            display.advance(300)
            raise BuildError("the disk is full")
        finally:
            display.finish()
    assert "300 of 1,000" in last_line(stream)


def test_clock() -> None:
    assert bars.clock(5.2, None, False) == "0:00:05 elapsed"
    assert bars.clock(5.2, 3_725, False) == "1:02:05 left"
    assert bars.clock(61, 0, True) == "0:01:01 elapsed"
