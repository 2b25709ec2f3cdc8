"""Tasks by name, variants, options, and tasks assembled from folders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task, task_from_folder, task_names
from m3it_builder.errors import CardError, TaskNotFound
from m3it_builder.tasks.options import parse_settings
from m3it_builder.tasks.registry import all_names, source_names, variants_of
from tests.support.paths import ROOT


def test_every_name_loads() -> None:
    names = all_names()
    assert set(task_names()) < names
    for name in names:
        assert load_task(name).name == name


def test_unknown_name_suggests_similar_ones() -> None:
    with pytest.raises(TaskNotFound, match=r"unknown task 'okvqua'; did you mean .*okvqa"):
        load_task("okvqua")
    with pytest.raises(TaskNotFound, match="unknown task 'zzzzz'; `m3it ls` lists all tasks"):
        load_task("zzzzz")


def test_variant_has_the_options_and_facts_of_its_card() -> None:
    task = load_task("vcr")
    variants = {variant.name: variant for variant in variants_of(task)}
    rationale = load_task("vcr-rationale")
    assert variants["vcr-rationale"].options == rationale.options
    assert rationale.options["target"] == "rationale" != task.options["target"]
    assert rationale.card.name == "vcr", "variants share a card"
    assert rationale.card.variants == {}
    assert source_names(task.card) >= set(rationale.card.sources)


def test_options_of_a_command_line() -> None:
    task = load_task("imagenet")
    assert task.with_options({"candidates": "7"}).options["candidates"] == 7
    assert task.options["candidates"] != 7, "the task itself is immutable"
    with pytest.raises(CardError, match=r"imagenet has no option 'candidate' \(it has: candidates"):
        task.with_options({"candidate": "7"})
    with pytest.raises(CardError, match=r"okvqa has no option 'x' \(it has: none\)"):
        load_task("okvqa").with_options({"x": "1"})
    with pytest.raises(CardError, match=r"equals the variant .*--task nlvr-synthetic"):
        load_task("nlvr").with_options({"form": "synthetic"})


def test_settings_by_task_and_option() -> None:
    settings = parse_settings(("a-b.x=1", "a-b.y=p=q", "c.x="))
    assert settings == {"a-b": {"x": "1", "y": "p=q"}, "c": {"x": ""}}


@pytest.mark.parametrize("text", ["", "x", "a.b", "a=b", ".b=1", "a.=1"])
def test_malformed_settings(text: str) -> None:
    with pytest.raises(CardError, match=r"--set takes TASK\.OPTION=VALUE, not"):
        parse_settings((text,))


def test_task_from_a_folder(tmp_path: Path) -> None:
    """Source cards that are bundled need not be repeated; unknown ones are an error."""
    base = load_task("okvqa")
    for name in ("task_cards/okvqa.yaml", "instructions/okvqa.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    task = task_from_folder(tmp_path, "okvqa", base.convert, base.sample)
    assert (task.card, task.sources, task.origin) == (base.card, base.sources, "installed")
    card = tmp_path / "task_cards/okvqa.yaml"
    card.write_text(card.read_text().replace("okvqa-annotations:", "okvqa-labels:"))
    with pytest.raises(CardError, match=r"source 'okvqa-labels' has no card; create .*\.yaml"):
        task_from_folder(tmp_path, "okvqa", base.convert, base.sample)
