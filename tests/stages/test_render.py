"""Rendering of structure to text: one pure function, and the words it adds."""

from __future__ import annotations

import json
import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from m3it_builder import load_task, task_names
from m3it_builder.media.images import COLORS
from m3it_builder.records import Record, Region, Style, Turn
from m3it_builder.stages.render import letter, render, vocabulary, words_of
from tests.support.paths import FIXTURES
from tests.support.rows import records

styles = st.builds(
    Style, st.sampled_from(["text", "letter", "both"]), st.sampled_from(["drawn", "text"])
)


def record(*turns: Turn, **more: Any) -> Record:
    return Record(id="1", turns=turns, **more)


def test_question_with_options() -> None:
    turn = Turn("Which?", "dog", ("cat", "dog"), 1)
    for answer, expected in (("text", "dog"), ("letter", "(B)"), ("both", "(B) dog")):
        inputs, outputs = render(record(turn, context="A hint."), "en", Style(answer))  # type: ignore[arg-type]
        assert inputs == "A hint.\nWhich?\nOptions:\n(A) cat\n(B) dog"
        assert outputs == expected


def test_dialogue() -> None:
    turns = (Turn("Is it day?", "yes"), Turn("Any people?", "no"), Turn("Why?", "it is early"))
    inputs, outputs = render(record(*turns, context="A street."), "en", Style())
    assert inputs == (
        "A street.\nQuestion: Is it day?\nAnswer: yes\nQuestion: Any people?\nAnswer: no\n"
        "Question: Why?"
    )
    silent = record(Turn("Is it day?", "yes"), Turn("", "A street."))
    assert render(silent, "en", Style())[0] == "Question: Is it day?\nAnswer: yes"
    assert outputs == "it is early"


def test_regions_drawn_or_as_coordinates() -> None:
    regions = (Region((1.4, 2, 30.6, 40), "red", "person"), Region((5, 6, 7, 8), "blue"))
    turn = Turn("Why does {box:0} look at {box:1}, not {box:7}?", "{box:1}")
    drawn = render(record(turn, regions=regions), "en", Style())
    assert drawn == (
        "Why does the person in the red box look at the blue box, not {box:7}?",
        "The blue box",
    )
    start = Turn("{box:1} is here. {box:0} too, and {box:1}", "{box:0}", ("{box:0}", "x"), 0)
    inputs, outputs = render(record(start, regions=regions), "en", Style("both"))
    assert inputs.splitlines()[0] == (
        "The blue box is here. The person in the red box too, and the blue box"
    )
    assert inputs.endswith("(A) The person in the red box\n(B) x")
    assert outputs == "(A) The person in the red box"
    coordinates = render(record(turn, regions=regions), "en", Style(regions="text"))
    assert coordinates[0] == "Why does [1, 2, 31, 40] look at [5, 6, 7, 8], not {box:7}?"
    chinese = render(record(Turn("{box:0}是谁？", "他"), regions=regions), "zh-CN", Style())
    assert chinese[0] == "红色框中的person是谁？"


def test_braces_of_the_source_are_kept() -> None:
    assert render(record(Turn("What is {box:0}?", "x")), "en", Style())[0] == "What is {box:0}?"


def test_letters_continue_after_z() -> None:
    with pytest.raises(ValueError, match="index -1"):
        letter(-1)
    assert [letter(n) for n in (0, 25, 26, 27, 51, 52, 701, 702)] == [
        "A", "Z", "AA", "AB", "AZ", "BA", "ZZ", "AAA",
    ]  # fmt: skip


@given(records.filter(lambda one: bool(one.turns)), styles, st.sampled_from(["en", "zh", "fr"]))
def test_render_is_pure(one: Record, style: Style, lang: str) -> None:
    """Equal arguments give equal texts; only turns, regions and context matter."""
    turns = tuple(replace(turn, gold=turn.gold and abs(turn.gold)) for turn in one.turns)
    one = replace(one, turns=turns)
    before = repr(one)
    texts = render(one, lang, style)
    bare = Record(id="other", turns=one.turns, regions=one.regions, context=one.context)
    assert render(bare, lang, style) == texts
    assert repr(one) == before


@pytest.mark.parametrize("name", task_names())
def test_texts_of_every_task_follow_from_its_turns(name: str) -> None:
    """No stage of any task edits ``inputs`` or ``outputs``: both equal the result of ``render``."""
    expected = json.loads((FIXTURES / name / "expected.json").read_text())
    count = 0
    for config, splits in expected.items():
        card = load_task(config).card
        for row in (row for split in splits.values() for row in split["rows"]):
            turns = tuple(
                Turn(t["question"], t["answer"], tuple(t["choices"]), t["gold"])
                for t in row["turns"]
            )
            regions = tuple(
                Region(tuple(r["box"]), r["color"], r["label"], r["image"]) for r in row["regions"]
            )
            rebuilt = record(*turns, regions=regions, context=row["context"])
            texts = render(rebuilt, card.lang, card.render.style())
            assert texts == (row["inputs"], row["outputs"])
            count += 1
    assert count >= 3


@pytest.mark.parametrize("lang", vocabulary())
def test_words_of_a_language_are_complete(lang: str) -> None:
    words = vocabulary()[lang]
    assert set(words.colors) == set(COLORS), "every region color has a name"
    assert len(set(words.colors.values())) == len(COLORS), "names are distinct"
    for text, placeholders in (
        (words.options, set()),
        (words.question, set()),
        (words.answer, set()),
        (words.box, {"color"}),
        (words.labeled_box, {"color", "label"}),
    ):
        assert text.strip()
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} == placeholders
    for word in words.colors.values():
        assert word.strip() == word


def test_a_language_is_found_by_its_primary_subtag() -> None:
    assert words_of("zh-CN") is words_of("zh-Hant-TW")
    assert words_of("xx") == words_of("en")
    assert re.fullmatch(r"[a-z]{2,3}", next(iter(vocabulary())))
