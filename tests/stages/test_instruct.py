"""Instructions are selected by keyed digest: uniform, stable, nested."""

from __future__ import annotations

from collections import Counter

from m3it_builder import load_task
from m3it_builder.records import Record, Turn
from m3it_builder.stages.instruct import instruct, pick


def test_pick_is_uniform_and_stable() -> None:
    pool = tuple(f"text {n}" for n in range(10))
    picks = Counter(pick(pool, f"0/t/{n}") for n in range(10_000))
    assert all(900 < count < 1_100 for count in picks.values())
    edited = (*pool[:9], "another text")
    changed = sum(pick(pool, str(n)) != pick(edited, str(n)) for n in range(10_000))
    assert 1_500 < changed < 2_300, "a tenth had the old text, a tenth select the new one"
    kept = sum(pick(pool, str(n)) == pick(pool[:5], str(n)) for n in range(10_000))
    assert kept == sum(pick(pool, str(n)) in pool[:5] for n in range(10_000)), "pools nest"


def test_records_keep_their_own_instruction_and_licenses() -> None:
    task = load_task("okvqa")
    turns = (Turn("q", "a"),)
    plain = Record(id="1", turns=turns)
    own = Record(id="2", turns=turns, instruction="Do.", license="MIT", image_license="CC0-1.0")
    first, second = instruct([plain, own], task, "train", seed=0)
    assert first.instruction in task.instructions
    assert (first.license, first.image_license) == (task.card.license, task.card.image_license)
    assert second.instruction == "Do."
    assert (second.license, second.image_license) == ("MIT", "CC0-1.0")
    assert (first.inputs, first.outputs) == ("", ""), "filled in by render"
