"""``m3it info`` and ``m3it show`` on output folders: what is built, and its state."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.cli.info_command import format_age
from m3it_builder.report.counts import Total, UnitCount, totals
from tests.support.command import build_okvqa, run_m3it
from tests.support.in_process import call_m3it
from tests.support.paths import FIXTURES


def units(*words: str | Path) -> list[dict[str, Any]]:
    done = call_m3it("info", *words, "--json")
    assert done.status == 0, done.lines
    listed: list[dict[str, Any]] = json.loads(done.stdout)
    return listed


@pytest.fixture
def built(sources: Path, tmp_path: Path) -> Path:
    """Build the train split of OK-VQA and return the output folder."""
    assert build_okvqa(sources, tmp_path / "out").returncode == 0
    return tmp_path / "out"


def test_units_of_a_build(built: Path) -> None:
    (unit,) = units(built)
    assert (unit["task"], unit["split"], unit["state"]) == ("okvqa", "train", "complete")
    assert (unit["rows"], unit["rejects"], unit["images"]) == (20, 0, 20)
    assert unit["formats"] == ["webdataset"]
    tar = built / "okvqa/webdataset/train-00000.tar"
    assert unit["bytes"] == tar.stat().st_size
    assert 0 <= unit["age"] < 600
    (alone,) = units(built / "okvqa")
    assert alone["rows"] == 20
    text = run_m3it("info", built).stdout
    assert all(word in text for word in ("okvqa", "train", "complete", "webdataset", "just now"))


def test_state_of_a_unit(built: Path, sources: Path) -> None:
    assert units(built, "--source", sources)[0]["state"] == "up to date"
    annotations = sources / "okvqa-annotations" / "mscoco_train2014_annotations.json"
    os.utime(annotations, (1, 1))
    (stale,) = units(built, "--source", sources)
    assert stale["state"] == "stale"
    assert "mscoco_train2014_annotations.json" in stale["detail"]
    shutil.rmtree(sources)
    (unknown,) = units(built, "--source", sources)
    assert unknown["state"] == "complete"
    assert "source files are missing" in unknown["detail"]
    tar = built / "okvqa/webdataset/train-00000.tar"
    os.truncate(tar, 1_000)
    (incomplete,) = units(built)
    assert incomplete["state"] == "incomplete"
    assert "webdataset/train-00000.tar" in incomplete["detail"]


def test_sample_data_is_compared_without_a_source(tmp_path: Path) -> None:
    words = ("build", "-t", "okvqa", "-t", "nlvr-synthetic", "--sample", "--sample-rows", "4")
    assert run_m3it(*words, "-o", tmp_path, "-j", "1").returncode == 0
    listed = units(tmp_path)
    assert {unit["state"] for unit in listed} == {"up to date"}
    assert all(unit["sample"] for unit in listed)
    assert {unit["task"] for unit in listed} == {"okvqa", "nlvr-synthetic"}


def test_unfinished_and_malformed_units(built: Path) -> None:
    (built / "okvqa/.m3it/validation/work").mkdir(parents=True)
    assert [unit["state"] for unit in units(built)] == ["complete", "unfinished"]
    (built / "okvqa/meta/train/manifest.json").write_text("{}")
    done = call_m3it("info", built, "--json")
    assert [unit["split"] for unit in json.loads(done.stdout)] == ["validation"]
    assert done.status == 1
    assert "manifest.json: malformed" in done.lines[0]


def test_no_build(tmp_path: Path) -> None:
    for words in (("info", tmp_path), ("show", tmp_path)):
        done = call_m3it(*words)
        assert (done.status, len(done.lines)) == (1, 1)
        assert "no finished build found" in done.lines[0]


def test_show_takes_the_output_folder(built: Path, tmp_path: Path) -> None:
    folder = call_m3it("show", built, "--json", "--rows", "2").stdout
    assert folder == call_m3it("show", built / "okvqa", "--json", "--rows", "2").stdout
    assert len(json.loads(folder)) == 2
    done = run_m3it("show", "out", "--rows", "1", cwd=tmp_path)
    assert done.stdout.count("instruction") == 1, "the name of a folder in the current one"
    done = run_m3it("show", built, "--split", "test")
    assert (done.returncode, "no finished build of split test" in done.stderr) == (1, True)


def test_show_of_a_build_with_a_missing_shard(built: Path) -> None:
    (built / "okvqa/webdataset/train-00000.tar").unlink()
    done = call_m3it("show", built)
    assert done.status == 1
    assert "cannot be read" in done.lines[0]
    assert "if it is being rebuilt" in done.lines[0]


def test_totals() -> None:
    units = [
        UnitCount(task=task, split="train", published=5, built=built, examples=None, rejects={},
                  remark="")
        for task, built in (("a", 3), ("b", None), ("mine", 7))
    ]  # fmt: skip
    labels = ["all of M3IT", "sum of the others"]
    assert [total.label for total in totals(units, ("a", "b"))] == labels
    assert list(totals(units[:2], ("a", "b", "c"))) == [
        Total("sum of 2 of the 3 tasks of M3IT", 10, 3)
    ]


def test_ages() -> None:
    ages = [format_age(seconds) for seconds in (None, 3, 90, 150, 7_300, 500_000)]
    assert ages == [None, "just now", "1 minute ago", "2 minutes ago", "2 hours ago", "5 days ago"]


def test_counts_beside_the_published_ones(built: Path, tmp_path: Path) -> None:
    done = call_m3it("info", built, "--counts", "--json")
    assert done.status == 0, done.lines
    train, validation = json.loads(done.stdout)
    assert (train["published"], train["built"], train["difference"]) == (9_009, 20, -8_989)
    assert train["remark"] == "fewer examples in these source files than published rows"
    assert (validation["split"], validation["built"]) == ("validation", None)
    assert validation["remark"] == "not built"
    text = run_m3it("info", built, "--counts").stdout
    assert all(word in text for word in ("9,009", "-8,989", "not built"))
    assert "sum of 1 of the 40 tasks of M3IT" in text
    limited = tmp_path / "limited"
    build_okvqa(FIXTURES / "okvqa" / "source", limited, "--limit", "3", "--max-reject-share", "1")
    (train, _) = json.loads(call_m3it("info", limited, "--counts", "--json").stdout)
    assert train["remark"] == "--limit 3"
    assert "not_chosen" not in train["rejects"]
    assert train["rejects"]["no_answer"] >= 1
