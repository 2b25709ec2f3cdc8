"""The keep policy decides which rows are on the drop list, and a build leaves them out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from m3it_builder.audits.runner import audit
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Overrides, load_pipeline, make_plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import BuildError
from m3it_builder.tasks.registry import Task
from tests.support.duplicates import (
    Row,
    build_tasks,
    compare,
    drop_reasons,
    encode,
    make_task,
    scene,
)


def test_build_leaves_listed_rows_out(tmp_path: Path, planted_tasks: list[Task]) -> None:
    out = build_tasks(tmp_path, planted_tasks)
    compare(tmp_path, out)
    listed = {row_id for _, _, row_id in drop_reasons(tmp_path)}
    for suffix in ("parquet", "jsonl"):
        pipeline = tmp_path / f"{suffix}.yaml"  # the path of the list is relative to it
        pipeline.write_text(f"drop: [report/drop.{suffix}]\nmax_reject_share: 0\n")
        plan = make_plan(load_pipeline(str(pipeline)), Overrides())
        work = Build(sources=tmp_path / "src", out=out, plan=plan)
        with pytest.raises(BuildError, match=r"changed: .*the plan \(.*drop"):
            work.unit(planted_tasks[0], "train")
        report = replace(work, replace=True).unit(planted_tasks[0], "train")
        assert (report.rows, report.rejects) == (34 - len(listed), {"dropped": len(listed)})
        assert work.unit(planted_tasks[0], "train").status == "up to date"
        (unit,) = manifests(out / "one")
        kept = pq.read_table(out / "one" / unit.index.path, columns=["id"])["id"].to_pylist()
        assert not listed & set(kept)
        assert str(tmp_path) not in (out / "one/meta/train/manifest.json").read_text()
    assert not any(f.count for f in audit(out) if f.audit == "unaccounted_example")
    assert compare(tmp_path, out)["dropped"] == [], "the remaining rows match nothing"


def test_keep_policies(tmp_path: Path) -> None:
    sources = tmp_path / "src"
    train = [Row(f"t{n}", (encode(scene(n)),), "What is it?") for n in (0, 1, 1, 2)]
    train = [replace(row, id=f"{row.id}-{n}") for n, row in enumerate(train)]
    test = [Row("e0", (encode(scene(0)),), "And this?")]
    out = build_tasks(tmp_path, [make_task(sources, "both", train=train, test=test)])
    expected = {
        "evaluation": {("both", "train", "t0-0"): "exact_image"},
        "training": {("both", "test", "e0"): "exact_image"},
        "all": {},
    }
    for keep, reasons in expected.items():
        compare(tmp_path, out, keep=keep)
        assert drop_reasons(tmp_path) == reasons, keep
    order = [row["id"] for row in pq.read_table(out / "both/meta/train/index.parquet").to_pylist()]
    later = max("t1-1", "t1-2", key=order.index)
    compare(tmp_path, out, keep="first")
    assert drop_reasons(tmp_path) == {
        **expected["evaluation"],
        ("both", "train", later): "repeated",
    }
