"""The command ``m3it adopt``."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from m3it_builder.dataset.manifest import manifests
from tests.support.command import assert_one_line, run_m3it


def test_command(download: Path, tmp_path: Path) -> None:
    done = run_m3it("adopt", download, "-o", tmp_path, "--task", "gqa", "--json")
    assert_one_line(done, 3, "8 of 36 examples were rejected", "bad_json 2")
    words = ("adopt", download, "-o", tmp_path, "--task", "gqa", "--max-reject-share", "1")
    done = run_m3it(*words, "--json", "--images", "base64", "-f", "parquet", "--limit", "5")
    assert done.returncode == 0, done.stderr
    (unit,) = json.loads(done.stdout)
    assert (unit["rows"], unit["rejects"]["over_limit"]) == (5, 23)
    done = run_m3it("adopt", download, "-o", tmp_path, "--task", "coco", "--split", "test")
    assert done.returncode == 0, done.stderr
    units = json.loads((tmp_path / "adopt-report.json").read_text())["units"]
    assert [(unit["task"], unit["split"]) for unit in units] == [
        ("coco", "test"),
        ("gqa", "train"),
    ]
    text = (tmp_path / "adopt-report.md").read_text()
    assert "| coco | test | 6 | 6 | 25,010 |" in text
    assert "adopted from the published M3IT" in (tmp_path / "coco" / "README.md").read_text()
    readme = (tmp_path / "README.md").read_text()
    assert re.findall("config_name: (.+)", readme) == ["gqa", "gqa"], "Parquet, unlike coco"
    assert '- coco, test: `load_dataset("path/to/this/folder/coco/webdataset")`' in readme
    found = json.loads(run_m3it("audit", tmp_path, "--json").stdout)
    findings = {finding["audit"]: finding["rows"] for finding in found if finding["count"]}
    assert list(findings) == ["too_few_rows"], "of the unit that has 6 of 25,010 rows"
    assert [row["task"] for row in findings["too_few_rows"]] == ["coco"], "gqa is limited"


def test_wrong_usage(download: Path, tmp_path: Path) -> None:
    for words in (("--task", "cocoo"), ("--split", "dev"), ("--task", "gqa", "--split", "test")):
        done = run_m3it("adopt", download, "-o", tmp_path, *words)
        assert done.returncode == 2, done.stderr
    (tmp_path / "empty").mkdir()
    done = run_m3it("adopt", tmp_path / "empty", "-o", tmp_path)
    assert_one_line(done, 1, "not a download of M3IT", "{train,val,test}.jsonl")
    done = run_m3it("adopt", tmp_path / "none", "-o", tmp_path)
    assert_one_line(done, 1, "not a folder", "pass the folder that M3IT was downloaded to")


def test_a_git_lfs_pointer_fails_its_own_unit(download: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(download / "data" / "captioning", copy / "data" / "captioning")
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    (copy / "data" / "captioning" / "coco" / "val.jsonl").write_text(pointer)
    done = run_m3it("adopt", copy, "--out", tmp_path / "out")
    assert_one_line(done, 1, "val.jsonl: a Git LFS pointer", "git lfs pull")
    assert {unit.split for unit in manifests(tmp_path / "out" / "coco")} == {"train", "test"}
    report = json.loads((tmp_path / "out" / "adopt-report.json").read_text())
    assert [failure["unit"] for failure in report["failures"]] == ["coco/validation"]
