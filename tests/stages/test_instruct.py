"""Instructions are selected by keyed digest: uniform, stable, nested."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from m3it_builder import load_task
from m3it_builder.cards.instructions import Instruction, Need
from m3it_builder.errors import CardError
from m3it_builder.records import Image, Record, Region, Style, Turn
from m3it_builder.stages.instruct import features_of, instruct, pick


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
    assert first.instruction in {one.text for one in task.instructions}
    assert (first.license, first.image_license) == (task.card.license, task.card.image_license)
    assert second.instruction == "Do."
    assert (second.license, second.image_license) == ("MIT", "CC0-1.0")
    assert (first.inputs, first.outputs) == ("", ""), "filled in by render"


CHOICE = Turn("Which?", "cat", ("cat", "dog"), 0)


@pytest.mark.parametrize(
    ("record", "answer", "expected"),
    [
        (Record(id="1", turns=(Turn("", "a"),)), "text", set()),
        (Record(id="1", turns=(Turn("", "a"),), images=(Image("s/1"),)), "text", {"image"}),
        (
            Record(id="1", turns=(Turn("Q", "a"), Turn("Q", "a")), context="c"),
            "letter",
            {"question", "dialog", "context"},
        ),
        (
            Record(
                id="1",
                turns=(CHOICE,),
                images=(Image("s/1"), Image("s/2")),
                regions=(Region((0, 0, 1, 1)),),
            ),
            "both",
            {"image", "several_images", "question", "options", "letter", "option_text", "box"},
        ),
        (Record(id="1", turns=(CHOICE,)), "letter", {"question", "options", "letter"}),
        (Record(id="1", turns=(CHOICE,)), "text", {"question", "options", "option_text"}),
    ],
)
def test_features(record: Record, answer: str, expected: set[Need]) -> None:
    assert features_of(record, Style(answer)) == expected  # type: ignore[arg-type]


def test_instructions_are_used_only_where_they_fit() -> None:
    pool = (Instruction("Any."), Instruction("Box.", frozenset({"box"})))
    task = replace(load_task("okvqa"), instructions=pool)
    turns = (Turn("q", "a"),)
    bare = [Record(id=str(n), turns=turns) for n in range(40)]
    boxed = [Record(id=str(n), turns=turns, regions=(Region((0, 0, 1, 1)),)) for n in range(40)]
    assert {one.instruction for one in instruct(bare, task, "train", 0)} == {"Any."}
    assert {one.instruction for one in instruct(boxed, task, "train", 0)} == {"Any.", "Box."}
    only = replace(task, instructions=pool[1:])
    with pytest.raises(CardError, match="okvqa: no instruction fits a row that has question"):
        list(instruct(bare, only, "train", 0))


def test_the_language_of_a_record_is_kept() -> None:
    turns = (Turn("A dog runs.", "Ein Hund rennt."),)
    records = [Record(id="1", turns=turns), Record(id="2", turns=turns, lang="de")]
    assert [one.lang for one in instruct(records, load_task("okvqa"), "train", 0)] == ["en", "de"]
