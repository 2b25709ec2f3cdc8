"""The README of a whole build: one config per task, and never over a README that no build wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from m3it_builder.build import commit
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Plan
from m3it_builder.dataset.build_readme import build_readme, built_tasks, is_foreign_readme
from m3it_builder.shards.formats import FormatName
from m3it_builder.verify.run import VerifyOptions, verify
from tests.support.building import TEXT_PLAN, interrupt, numbered_task, placeholder_sources


def build(
    folder: Path, name: str, *formats: FormatName, split: str = "train", **options: Any
) -> None:
    """Build three rows of a task without images into the folder ``out``."""
    plan = replace(TEXT_PLAN, formats=formats or ("jsonl",))
    task = numbered_task(3, name, train={}, test={})
    sources = placeholder_sources(folder)
    Build(sources=sources, out=folder / "out", plan=plan, **options).unit(task, split)  # type: ignore[arg-type]


def configs(folder: Path) -> dict[str, dict[str, str]]:
    """Return the file patterns of every config, by split."""
    text = (folder / "out" / "README.md").read_text(encoding="utf-8")
    header = yaml.safe_load(text.split("---\n")[1])
    assert [info["config_name"] for info in header["dataset_info"]] == [
        config["config_name"] for config in header["configs"]
    ]
    return {
        config["config_name"]: {entry["split"]: entry["path"] for entry in config["data_files"]}
        for config in header["configs"]
    }


def findings(folder: Path) -> dict[str, str]:
    report = verify(folder / "out", VerifyOptions(quick=True))
    return {one.check: one.examples[0].where for one in report.findings}


def test_one_config_per_task_whatever_the_order_of_builds(tmp_path: Path) -> None:
    for folder, names in (("one", "abc"), ("two", "cab")):
        for name in names:
            build(tmp_path / folder, name, "jsonl", "parquet")
        build(tmp_path / folder, "b", "jsonl", split="test")
    assert configs(tmp_path / "one") == {
        name: {"train": f"{name}/parquet/train-*.parquet"} for name in "abc"
    }
    one, two = (tmp_path / name / "out" / "README.md" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert '- b, test: `load_dataset("path/to/this/folder/b/jsonl")`' in one.read_text()
    assert findings(tmp_path / "one") == {}


def test_parquet_is_the_format_of_all_configs_if_any_task_has_it(tmp_path: Path) -> None:
    build(tmp_path, "a", "jsonl")
    build(tmp_path, "b", "arrow", "jsonl")
    patterns = {name: {"train": f"{name}/jsonl/train-*.jsonl"} for name in "ab"}
    assert configs(tmp_path) == patterns
    build(tmp_path, "c", "parquet")
    assert configs(tmp_path) == {"c": {"train": "c/parquet/train-*.parquet"}}
    text = (tmp_path / "out" / "README.md").read_text()
    assert '- a, train: `load_dataset("path/to/this/folder/a/jsonl")`' in text
    assert '- b, train: `load_from_disk("path/to/this/folder/b/arrow")`' in text
    assert findings(tmp_path) == {}


@pytest.mark.parametrize("step", ["invalidate_records", "_move_shards", "write_manifest"])
def test_a_withdrawn_unit_is_not_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    build(tmp_path, "a")
    build(tmp_path, "b")
    complete = (tmp_path / "out" / "README.md").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(commit, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(tmp_path, "b", replace=True)
    assert set(configs(tmp_path)) == {"a"}
    build(tmp_path, "b")
    assert (tmp_path / "out" / "README.md").read_bytes() == complete


def test_without_the_only_unit_there_is_no_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tmp_path, "a")
    monkeypatch.setattr(commit, "_move_shards", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, "a", replace=True)
    assert not (tmp_path / "out" / "README.md").exists()


def test_concurrent_builds_describe_each_other(tmp_path: Path) -> None:
    names = [f"task-{number}" for number in range(6)]
    with ThreadPoolExecutor(len(names)) as pool:
        for _ in range(2):
            list(pool.map(lambda name: build(tmp_path, name, replace=True), names))
    out = tmp_path / "out"
    assert list(configs(tmp_path)) == names
    assert (out / "README.md").read_text() == build_readme(built_tasks(out))
    assert not list(out.glob(".README.md*"))


def _append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\nMy notes.\n")


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.md"))
    path.symlink_to("elsewhere.md")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


FOREIGN: dict[str, Callable[[Path], object]] = {
    "another text": lambda path: path.write_bytes(b"# My data\n"),
    "text added to ours": _append,
    "line ends changed": lambda path: path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")),
    "not UTF-8": lambda path: path.write_bytes(b"caf\xe9"),
    "empty": lambda path: path.write_bytes(b""),
    "link": _link,
    "FIFO": _fifo,
    "folder": _folder,
}


@pytest.mark.parametrize("change", FOREIGN.values(), ids=FOREIGN)
def test_a_readme_that_no_build_wrote_is_kept(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    build(tmp_path, "a")
    path = tmp_path / "out" / "README.md"
    assert not is_foreign_readme(path)
    change(path)
    assert is_foreign_readme(path)
    before = path.lstat()
    build(tmp_path, "a", replace=True)
    build(tmp_path, "b")
    assert (path.lstat().st_ino, path.lstat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert is_foreign_readme(path)
    assert findings(tmp_path) == {}


def test_an_up_to_date_build_repairs_the_readme(tmp_path: Path) -> None:
    build(tmp_path, "a")
    build(tmp_path, "b")
    path = tmp_path / "out" / "README.md"
    complete = path.read_bytes()
    path.unlink()
    assert findings(tmp_path) == {"readme_missing": "README.md"}
    build(tmp_path, "a")
    assert path.read_bytes() == complete
    before = path.stat().st_mtime_ns
    build(tmp_path, "a")
    assert path.stat().st_mtime_ns == before, "an equal README is not written again"
    (tmp_path / "out" / "b").rename(tmp_path / "out" / "renamed")
    assert findings(tmp_path)["readme_files"] == "README.md"
    build(tmp_path, "a")
    assert set(configs(tmp_path)) == {"a"}, "a folder must have the name of its task"


def test_a_name_that_no_config_can_have_does_not_disturb_the_others(tmp_path: Path) -> None:
    for name in ("a", "b:c", "d[1]"):
        build(tmp_path, name)
    assert set(configs(tmp_path)) == {"a"}
    assert findings(tmp_path) == {}


def test_an_unfinished_readme_is_reported_and_removed(tmp_path: Path) -> None:
    build(tmp_path, "a")
    partial = tmp_path / "out" / ".README.md.1-abcd.partial"
    partial.touch()
    assert findings(tmp_path) == {"partial_file": partial.name}
    build(tmp_path, "a")
    assert findings(tmp_path) == {}


def test_a_plan_writes_no_readme(tmp_path: Path) -> None:
    plan = Plan(formats=("jsonl",))
    unit = Build(
        sources=placeholder_sources(tmp_path), out=tmp_path / "out", plan=plan, plan_only=True
    ).unit(numbered_task(3), "train")
    assert unit.status == "planned"
    assert not list((tmp_path / "out").rglob("README.md"))


def test_a_malformed_manifest_does_not_disturb_other_tasks(tmp_path: Path) -> None:
    build(tmp_path, "a")
    path = tmp_path / "out" / "a" / "meta" / "train" / "manifest.json"
    value = json.loads(path.read_text())
    value["shards"][0]["files"] = {}
    path.write_text(json.dumps(value))
    build(tmp_path, "b")
    assert set(configs(tmp_path)) == {"a", "b"}
    path.write_text(json.dumps({**value, "shards": 7}))
    build(tmp_path, "b", replace=True)
    assert set(configs(tmp_path)) == {"b"}
