"""Plans: a pipeline file, overridden by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.plan import Overrides, PipelineFile, load_pipeline, make_plan
from m3it_builder.errors import CardError, UsageError
from m3it_builder.media.video.extract import VideoPlan
from m3it_builder.stages.check import CHECKS

CARD = load_task("okvqa").card


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_bundled_pipeline_by_name() -> None:
    file = load_pipeline("default")
    assert file.checks == tuple(CHECKS)
    assert make_plan(file, Overrides()).formats == file.output.format


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"unknown pipeline 'nope'; available: .*default"):
        load_pipeline("nope")
    with pytest.raises(CardError, match=r"unknown pipeline '.*gone\.yaml'"):
        load_pipeline(str(tmp_path / "gone.yaml"))
    path = write(tmp_path / "p.yaml", "checks: [empty_output, no_such_check]\n")
    with pytest.raises(
        CardError, match=r"p\.yaml: unknown check 'no_such_check'; available: empty"
    ):
        load_pipeline(str(path))
    with pytest.raises(CardError, match="--format: unknown value 'parket'; did you mean parquet"):
        make_plan(PipelineFile(), Overrides(formats=["parket"]))
    with pytest.raises(CardError, match="--images: unknown value 'xyz'; choose from bytes, base64"):
        make_plan(PipelineFile(), Overrides(images="xyz"))
    for size in (0, -1, float("nan"), float("inf")):
        with pytest.raises(CardError, match=r"--shard-mb: .* is not a positive number"):
            make_plan(PipelineFile(), Overrides(shard_mb=size))


def test_command_line_overrides_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "p.yaml",
        "limit: 10\nseed: 5\nmax_reject_share: 0.2\n"
        "output: {format: [jsonl], images: base64, shard_mb: 2}\n",
    )
    file = load_pipeline(str(path))
    plan = make_plan(file, Overrides())
    assert (plan.limit, plan.seed, plan.max_reject_share) == (10, 5, 0.2)
    assert (plan.formats, plan.images) == (("jsonl",), "base64")
    overrides = Overrides(
        formats=["parquet", "arrow", "parquet"], images="bytes", limit=3, seed=0, max_reject_share=0
    )
    plan = make_plan(file, overrides)
    assert (plan.limit, plan.seed, plan.max_reject_share) == (3, 0, 0)
    assert (plan.formats, plan.images) == (("parquet", "arrow"), "bytes")
    choices = plan.choices(CARD)
    assert (choices.limit, choices.seed, choices.shard_mb) == (3, 0, 2)
    assert choices.formats == ("arrow", "parquet"), "the order of formats changes nothing"
    small = make_plan(file, Overrides(shard_mb=0.5))
    assert (small.choices(CARD).shard_mb, small.formats, small.images) == (
        0.5,
        ("jsonl",),
        "base64",
    )
    assert file.output.shard_mb == 2


def test_drop_lists_of_file_and_command_line_are_combined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths in a pipeline file are relative to it, those of the command line to the folder."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    write(folder / "a.jsonl", "")
    write(tmp_path / "b.jsonl", "")
    path = write(folder / "p.yaml", "drop: [a.jsonl]\n")
    monkeypatch.chdir(tmp_path)
    plan = make_plan(load_pipeline(str(path)), Overrides(drop=["b.jsonl"]))
    assert [drops.path for drops in plan.drop] == [folder / "a.jsonl", tmp_path / "b.jsonl"]
    (folder / "a.jsonl").unlink()
    with pytest.raises(UsageError, match=r"a\.jsonl: there is no such drop list"):
        make_plan(load_pipeline(str(path)), Overrides())


def test_video_options_are_part_of_the_choices() -> None:
    video = {"backend": "pyav", "policy": "salvage", "timeout": 5, "quality": 80}
    plan = make_plan(PipelineFile.model_validate({"video": video}), Overrides())
    assert plan.choices(CARD).video == plan.video() == VideoPlan("pyav", "salvage", 5.0, 80)
