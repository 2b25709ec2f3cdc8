"""The whole search finds planted duplicates, counts them once and lists them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.tasks.registry import Task
from tests.support.duplicates import build_tasks, compare, drop_reasons, shared_counts


@pytest.mark.parametrize(
    ("formats", "images"),
    [(("webdataset",), "bytes"), (("parquet",), "bytes"), (("jsonl",), "base64"),
     (("arrow", "parquet"), "base64")],
)  # fmt: skip
def test_planted_images_are_found(
    tmp_path: Path, planted_tasks: list[Task], formats: tuple[str, ...], images: str
) -> None:
    build = build_tasks(tmp_path, planted_tasks, formats=formats, images=images)
    report = compare(tmp_path, build)
    assert shared_counts(report) == {
        ("one/train", "one/train", "exact"): (1, 5, 5),
        ("one/train", "two/validation", "exact"): (2, 6, 2),
        ("one/train", "two/validation", "near"): (2, 2, 2),
    }
    assert report["images"] == {
        "distinct": 34, "in_rows": 40, "decoded": 34, "cached": 0, "flat": 0, "unreadable": 0,
        "unreadable_listed": [],
    }  # fmt: skip
    assert drop_reasons(tmp_path) == {
        **{("one", "train", row): "exact_image" for row in ("a0", "a1")},
        **{("one", "train", f"a0-{n}"): "exact_image" for n in range(4)},
        **{("one", "train", row): "near_image" for row in ("a2", "a3")},
    }
    pairs = pq.read_table(tmp_path / "report" / "pairs.parquet").to_pylist()
    across = [row for row in pairs if row["left_task"] != row["right_task"]]
    keys = ("left_id", "left_image", "right_id", "right_image")
    assert {tuple(str(row[key])[:2] for key in keys) for row in across} == {
        ("a0", "0", "v0", "0"), ("a1", "0", "v1", "1"), ("a2", "0", "v2", "0"),
        ("a3", "0", "v3", "0"),
    }  # fmt: skip


@pytest.mark.slow
def test_number_of_workers_does_not_change_the_report(
    tmp_path: Path, planted_tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = build_tasks(tmp_path, planted_tasks)
    with_one = compare(tmp_path, build)
    pairs = (tmp_path / "report" / "pairs.parquet").read_bytes()
    for cache in build.rglob("hashes-*.parquet"):
        cache.unlink()
    monkeypatch.setattr("m3it_builder.executors.local._ITEMS_PER_WORKER", 1)
    assert compare(tmp_path, build, workers=2) == with_one
    assert (tmp_path / "report" / "pairs.parquet").read_bytes() == pairs


@pytest.mark.parametrize(
    ("modules", "names"),
    [(["numpy"], "NumPy"), (["jinja2"], "Jinja2"), (["numpy", "jinja2"], "NumPy and Jinja2")],
)
def test_missing_packages_are_one_line_that_names_the_extra(
    tmp_path: Path, modules: list[str], names: str
) -> None:
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({modules!r}));"
        " from m3it_builder.cli import main;"
        f" sys.argv = ['m3it', 'dedup', {str(tmp_path)!r}, '--out', {str(tmp_path / 'out')!r}];"
        " main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"m3it: `m3it dedup` needs {names}, not installed")
    assert "pip install 'm3it-builder[dedup]'" in done.stderr
    assert "in a clone `pip install '.[dedup]'`" in done.stderr
    assert done.stderr.count("\n") == 1
