"""Sentences in place of short answers, in the tasks whose answers M3IT had paraphrased."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.build.builder import Build
from m3it_builder.build.plan import Overrides, PipelineFile, Plan, load_pipeline, make_plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import BuildError, CardError
from m3it_builder.tasks.sampling import write_sample
from tests.support.building import TEXT_PLAN, index_rows, numbered_task, placeholder_sources

TEMPLATE = PipelineFile.model_validate({"paraphrase": "template"})


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("src")
    for name in ("okvqa", "coco"):
        write_sample(load_task(name), folder / name, 12)
    return folder


def build(sources: Path, out: Path, name: str, plan: Plan) -> str:
    return Build(sources=sources / name, out=out, plan=plan).unit(load_task(name), "train").status


def test_answers_become_sentences(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "none", "okvqa", Plan())
    build(sources, tmp_path, "okvqa", Plan(file=TEMPLATE))
    plain = {row["id"]: row for row in index_rows(tmp_path / "none")}
    for row in index_rows(tmp_path):
        (turn,) = row["turns"]
        original = plain[row["id"]]
        assert turn["answer"] == original["outputs"]
        assert row["outputs"] == turn["said"]
        assert turn["answer"] in row["outputs"]
        assert row["outputs"].endswith(".")
        meta = json.loads(row["meta"])
        assert meta.pop("paraphrase") == {"outcome": "template"}
        assert meta == json.loads(original["meta"])
        assert row["instruction"] == original["instruction"]
    (unit,) = manifests(tmp_path / "okvqa")
    assert unit.plan.paraphrase == "template"


def test_other_tasks_do_not_depend_on_it(sources: Path, tmp_path: Path) -> None:
    assert build(sources, tmp_path, "coco", Plan()) == "built"
    assert build(sources, tmp_path, "coco", Plan(file=TEMPLATE)) == "up to date"
    build(sources, tmp_path, "okvqa", Plan())
    with pytest.raises(BuildError, match="paraphrase: none → template"):
        build(sources, tmp_path, "okvqa", Plan(file=TEMPLATE))


def test_the_command_line_overrides_the_pipeline() -> None:
    file = load_pipeline("m3it")
    card = load_task("okvqa").card
    assert make_plan(file, Overrides()).choices(card).paraphrase == "template"
    assert make_plan(file, Overrides(paraphrase="none")).choices(card).paraphrase == "none"
    default = make_plan(load_pipeline("default"), Overrides(paraphrase="template"))
    assert default.choices(card).paraphrase == "template"
    assert default.choices(load_task("coco").card).paraphrase == "none"


def test_a_language_without_template(tmp_path: Path) -> None:
    task = numbered_task(3)
    card = task.card.model_copy(update={"paraphrase": True, "lang": "fr"})
    task = replace(task, card=card)
    plan = replace(TEXT_PLAN, file=TEMPLATE)
    with pytest.raises(CardError, match="has a row in fr; answers can be paraphrased in en, zh"):
        Build(sources=placeholder_sources(tmp_path), out=tmp_path, plan=plan).unit(task, "train")
