"""Commands about siblings: ls, show, build, info, audit and dedup."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import run_m3it

SMALL = ("--sample", "--sample-rows", "20", "-f", "parquet", "-j", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("siblings")
    words = ("build", "--task", "okvqa-rephrased", "--task", "okvqa", *SMALL)
    done = run_m3it(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_base_in_the_same_command_is_built_first(folder: Path) -> None:
    done = run_m3it("build", "-t", "okvqa-rephrased", "-t", "okvqa", *SMALL, "--json", cwd=folder)
    units = [(one["task"], one["split"], one["status"]) for one in json.loads(done.stdout)]
    assert units == [
        (task, split, "up to date")
        for task in ("okvqa", "okvqa-rephrased")
        for split in ("train", "validation")
    ]


def test_ls_counts_siblings(folder: Path) -> None:
    rows = json.loads(run_m3it("ls", "--json", cwd=folder).stdout)
    siblings = {row["name"]: row["siblings"] for row in rows}
    assert siblings["okvqa"] == ["okvqa-rephrased"]
    assert siblings["coco"] == []
    names = {name for name, own in siblings.items() if own}
    assert {"shapes", "coco-goi", "snli-ve", "imagenet", "clevr", "coco-itm", "vsr", "mocheg",
            "refcoco", "visual-dialog"} <= names  # published as NAME-rephrased # fmt: skip


def test_show(folder: Path) -> None:
    done = run_m3it("show", "okvqa-rephrased", cwd=folder)
    assert "made from a build of okvqa by the transformation template" in done.stdout
    done = run_m3it("show", "build/okvqa-rephrased", "--rows", "1", cwd=folder)
    assert "The " in done.stdout
    assert "image/jpeg" in done.stdout
    sheet = run_m3it("show", "build/okvqa-rephrased", "--sheet", "sheet.png", cwd=folder)
    assert sheet.returncode == 0, sheet.stderr
    assert (folder / "sheet.png").stat().st_size > 5_000


def test_info_compares_with_the_base(folder: Path) -> None:
    units = json.loads(run_m3it("info", "build", "--json", cwd=folder).stdout)
    states = {(one["task"], one["split"]): one["state"] for one in units}
    assert states["okvqa-rephrased", "train"] == "up to date"
    counts = json.loads(run_m3it("info", "build", "--counts", "--json", cwd=folder).stdout)
    assert {one["task"] for one in counts} == {"okvqa"}


def test_audit_and_dedup_report_no_sibling(folder: Path) -> None:
    audit = run_m3it("audit", "build", "--json", cwd=folder)
    assert audit.returncode == 0, audit.stdout
    query = "SELECT task, sibling_of FROM cards WHERE split = 'train' ORDER BY task"
    rows = json.loads(run_m3it("sql", "build", query, "--json", cwd=folder).stdout)
    assert [row["sibling_of"] for row in rows] == [None, "okvqa"]
    dedup = run_m3it("dedup", "build", "--out", "duplicates", cwd=folder)
    assert dedup.returncode == 0, dedup.stderr
    assert "rephrased" not in dedup.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-t", "vqa-v2-rephrased"),
         "vqa-v2-rephrased/train is made from vqa-v2, and vqa-v2/train is not built in"),
        (("-t", "coco-rephrased"), "coco has no set with rephrased answers"),
        (("-t", "nothing-rephrased"), "made from nothing, which is neither a task nor built in"),
        (("-t", "x/okvqa-rephrased"), "unknown task 'x/okvqa-rephrased'"),
        (("-t", "okvqa-rephrased-rephrased"), "is itself made from another set"),
        (("-t", "okvqa", "--images", "shared"), "okvqa has images of its own"),
        (("-t", "okvqa-rephrased", "--set", "okvqa-rephrased.answer=text"),
         "has no options, it is made from okvqa"),
        (("-t", "okvqa-rephrased", "--split", "test"), "okvqa has no split test"),
    ],
)  # fmt: skip
def test_errors(folder: Path, words: tuple[str, ...], message: str) -> None:
    done = run_m3it("build", *words, "--out", "build", *SMALL, cwd=folder)
    assert done.returncode in (1, 2)
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_the_command_that_builds_an_absent_base(folder: Path) -> None:
    done = run_m3it("build", "-t", "vqa-v2-rephrased", "--out", "a b", *SMALL, cwd=folder)
    assert "build it first: `m3it build --out 'a b' --sample --task vqa-v2`" in done.stderr
