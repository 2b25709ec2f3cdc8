"""The text phase: rows are chosen first, and only chosen rows are instructed and rendered."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3it_builder import Record, load_task
from m3it_builder.build.drop_list import drop_list
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.build.spool import Spool
from m3it_builder.build.spool_reader import ReadSpool
from m3it_builder.build.text_phase import fill_spool
from m3it_builder.dataset.reader import read_rows
from m3it_builder.progress import Silent
from m3it_builder.records import Instance, Style
from m3it_builder.stages import instruct, render
from m3it_builder.tasks.opening import open_source
from m3it_builder.tasks.registry import Task
from tests.support.building import (
    PLAN,
    TEXT_PLAN,
    build,
    built_unit,
    images_of,
    index_rows,
    numbered_task,
    placeholder_sources,
    reject_rows,
)

SAMPLED = {"rows": 30, "sample": True}


def fill(folder: Path, task: Task, plan: Plan, dropped: dict[str, str] | None = None) -> ReadSpool:
    """Run the text phase of the train split."""
    source = open_source(task, "train", placeholder_sources(folder))
    spool = Spool(folder / "spool.sqlite", (task.name, "train"), plan.seed, dropped)
    fill_spool(spool, task, source, plan, Silent())
    return ReadSpool(spool.path)


def instances(reader: ReadSpool) -> list[Instance]:
    return [row for shard in reader.shards() for row in reader.instances(shard)]


def with_order(plan: Plan, order: str) -> Plan:
    file = PipelineFile.model_validate({**plan.file.model_dump(), "order": {"train": order}})
    return replace(plan, file=file)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count selections of an instruction, and rendered records by id."""
    counts: Counter[str] = Counter()
    pick, render_one = instruct.pick, render.render

    def counted_pick(pool: tuple[str, ...], key: str) -> str:
        counts["picks"] += 1
        return pick(pool, key)

    def counted_render(record: Record, lang: str, style: Style) -> tuple[str, str]:
        counts[record.id] += 1
        return render_one(record, lang, style)

    monkeypatch.setattr(instruct, "pick", counted_pick)
    monkeypatch.setattr(render, "render", counted_render)
    return counts


@pytest.mark.parametrize(
    ("limit", "dropped", "rows"),
    [(None, {}, 30), (10, {}, 10), (100, {}, 30), (None, {str(n): "l" for n in range(40)}, 0)],
    ids=["sample", "limit", "high limit", "all dropped"],
)
def test_only_chosen_rows_are_instructed_and_rendered(
    tmp_path: Path, calls: Counter[str], limit: int | None, dropped: dict[str, str], rows: int
) -> None:
    task = numbered_task(40, train=SAMPLED)
    reader = fill(tmp_path, task, replace(TEXT_PLAN, limit=limit), dropped)
    chosen = [row.record.id for row in instances(reader)]
    assert len(chosen) == rows
    assert calls == Counter({**dict.fromkeys(chosen, 1), "picks": rows})
    assert reader.reasons().total() + rows == 40


@pytest.mark.parametrize("order", ["source", "digest"])
@pytest.mark.parametrize("limit", [None, 7])
def test_chosen_rows_are_those_of_an_unsampled_build(
    tmp_path: Path, order: str, limit: int | None
) -> None:
    """Sampling selects rows, and changes neither their texts nor their order."""
    plan = with_order(TEXT_PLAN, order)
    everything = instances(fill(tmp_path, numbered_task(40), plan))
    ranked = instances(fill(tmp_path, numbered_task(40), with_order(TEXT_PLAN, "digest")))
    chosen = {row.record.id for row in ranked[: limit or 30]}
    reader = fill(tmp_path, numbered_task(40, train=SAMPLED), replace(plan, limit=limit))
    assert instances(reader) == [row for row in everything if row.record.id in chosen]


def test_rows_of_a_lower_limit_are_among_those_of_a_higher_one(tmp_path: Path) -> None:
    task, chosen = numbered_task(40, train=SAMPLED), {}
    for limit in (5, 20, None):
        out = tmp_path / str(limit)
        build(placeholder_sources(tmp_path), out, replace(PLAN, limit=limit), task)
        unit = built_unit(out, "numbers")
        chosen[limit] = {row.row.id for row in read_rows(out / "numbers", unit)}
        assert unit.examples == 40
    assert len(chosen[None]) == 30
    assert len(chosen[20]) == 20
    assert chosen[5] < chosen[20] < chosen[None]


def test_rejected_and_dropped_rows_are_not_replaced(sources: Path, tmp_path: Path) -> None:
    """A sample has fewer rows instead: others were not searched for duplicates."""
    plan = replace(PLAN, limit=20, formats=("webdataset",), max_reject_share=0.2)
    build(sources, tmp_path / "whole", plan)
    whole = index_rows(tmp_path / "whole")
    names = Counter(image["name"] for row in whole for image in row["images"])
    damaged, dropped = [row for row in whole if names[row["images"][0]["name"]] == 1][:2]
    for path in images_of(sources):
        if damaged["images"][0]["name"].endswith(path.name):
            path.write_bytes(path.read_bytes()[:900])
    path = tmp_path / "drop.jsonl"
    path.write_text(f'{{"task": "okvqa", "split": "train", "id": "{dropped["id"]}"}}\n')
    report = build(sources, tmp_path / "out", replace(plan, drop=(drop_list(path),)))
    assert report.rejects == {"over_limit": 100, "dropped": 1, "image_truncated": 1}
    lost = {damaged["id"], dropped["id"]}
    ids = [row["id"] for row in index_rows(tmp_path / "out")]
    assert ids == [row["id"] for row in whole if row["id"] not in lost]
    rejects = {row["id"]: row for row in reject_rows(tmp_path / "out")}
    assert (rejects[dropped["id"]]["stage"], rejects[dropped["id"]]["reason"]) == (
        "drop",
        "dropped",
    )
    assert rejects[dropped["id"]]["detail"] == "listed in drop.jsonl"
    assert rejects[damaged["id"]]["reason"] == "image_truncated"
    assert len(rejects) == 102, "each example once"
    assert not rejects.keys() & set(ids)
    assert built_unit(tmp_path / "out").examples == 120


def test_rejects_of_text_checks_add_up(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row whose rendered texts fail a check is a reject, and no gap among the rows."""
    build(sample, tmp_path / "whole")
    whole = index_rows(tmp_path / "whole")
    blank = whole[50]["id"]
    render_one = render.render

    def blanked(record: Record, *options: Any) -> tuple[str, str]:
        inputs, outputs = render_one(record, *options)
        return inputs, " " if record.id == blank else outputs

    monkeypatch.setattr(render, "render", blanked)
    report = build(sample, tmp_path / "out")
    assert report.rejects == {"empty_output": 1}
    (reject,) = reject_rows(tmp_path / "out")
    assert (reject["stage"], reject["id"], reject["reason"]) == ("check", blank, "empty_output")
    unit = built_unit(tmp_path / "out")
    assert unit.examples == 120 == unit.instances + sum(unit.rejects.values())
    ids = [row["id"] for row in index_rows(tmp_path / "out")]
    assert ids == [row["id"] for row in whole if row["id"] != blank]
    rows = list(read_rows(tmp_path / "out" / "okvqa", unit))
    assert [row.row.id for row in rows] == ids


def test_facts_separate_rejects_before_and_after_the_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "render", lambda *_: ("?", " "))
    task = numbered_task(40, train=SAMPLED)
    reader = fill(tmp_path, task, replace(TEXT_PLAN, limit=10), {"99": "l", "0": "l"})
    assert reader.facts.candidates == 40
    assert reader.facts.rejected_before == {}
    assert reader.facts.unmatched == 1
    assert reader.reasons()["empty_output"] + reader.reasons()["dropped"] == 10
    assert reader.shards() == []


def test_the_first_instructions_of_a_pool_can_be_selected(tmp_path: Path) -> None:
    pool = [one.text for one in load_task("okvqa").instructions]
    for count in (1, 3, None):
        file = TEXT_PLAN.file.model_copy(update={"instructions": count})
        rows = instances(fill(tmp_path, numbered_task(60), replace(TEXT_PLAN, file=file)))
        assert {row.instruction for row in rows} == set(pool[:count])
