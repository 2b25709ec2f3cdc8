"""Every check finds its error in a record, and passes a correct one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from m3it_builder import load_task
from m3it_builder.errors import CardError
from m3it_builder.records import Image, Instance, Record, Region, Reject, Style, Turn
from m3it_builder.stages.check import (
    CHECKS,
    KNOWN,
    TEXT_CHECKS,
    RowTexts,
    check_records,
    check_texts,
    text_problem,
)
from m3it_builder.stages.render import render


def record(*turns: Turn, **more: Any) -> Record:
    return Record(id="1", turns=turns, **more)


IMAGE = (Image("a", (10, 10)),)
GOOD = record(Turn("q", "a"), images=IMAGE)
BAD = {
    "empty_output": record(Turn("q", " \n"), images=IMAGE),
    "empty_input": record(Turn(" ", "a")),
    "image_count": record(Turn("q", "a"), images=(Image("a"), Image("b"))),
    "gold_not_in_choices": record(Turn("q", "a", ("b", "c"), 0), images=IMAGE),
    "duplicate_choice": record(Turn("q", "a", ("a", "a"), 0), images=IMAGE),
    "empty_choice": record(Turn("q", "a", ("a", " "), 0), images=IMAGE),
    "box_outside": record(Turn("q", "a"), images=IMAGE, regions=(Region((11, 0, 12, 5)),)),
    "region_missing": record(
        Turn("What is in {box:1}?", "a"), images=IMAGE, regions=(Region((1, 0, 2, 5)),)
    ),
    "placeholder_answer": record(Turn("q", " Unanswerable"), images=IMAGE),
}
INSTANCE = Instance(
    task="t", split="train", lang="en", instruction="Do.", inputs="q", outputs="a", license="x",
    image_license="x", record=GOOD,
)  # fmt: skip


def test_all_checks_are_tested_here() -> None:
    assert set(BAD) == set(CHECKS)
    assert {*CHECKS, *TEXT_CHECKS} == set(KNOWN)


@pytest.mark.parametrize("reason", BAD)
def test_bad_record_is_rejected(reason: str) -> None:
    rejects: list[Reject] = []

    def sink(stage: str, reject: Reject) -> None:
        assert stage == "check"
        rejects.append(reject)

    card = load_task("okvqa").card.model_copy(update={"placeholder_answers": ("unanswerable",)})
    kept = list(check_records([GOOD, BAD[reason], GOOD], card, CHECKS, sink))
    assert kept == [GOOD, GOOD]
    assert [reject.reason for reject in rejects] == [reason]


def test_unknown_check() -> None:
    with pytest.raises(CardError, match="unknown check 'spelling'; available: empty_output"):
        list(check_records([GOOD], load_task("okvqa").card, ["spelling"], lambda *_: None))


@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        ("empty_output", replace(INSTANCE, outputs=" \n")),
        ("empty_input", replace(INSTANCE, inputs="\t", record=record(Turn("q", "a")))),
    ],
)
def test_blank_text_is_rejected_after_rendering(reason: str, bad: Instance) -> None:
    reasons: list[str] = []
    texts = check_texts([INSTANCE, bad], CHECKS, lambda _, reject: reasons.append(reject.reason))
    assert list(texts) == [INSTANCE]
    assert reasons == [reason]


@pytest.mark.parametrize(
    ("reason", "lang", "bad", "good"),
    [
        ("long_output", "en", "a" * 20_001, "a" * 20_000),
        (
            "wrong_language",
            "zh",
            "This is a dog.",
            "这是Labrador的一只小狗，在草地上。",
        ),
        ("wrong_language", "en", "这是一只狗。", "Это says 'this' twice, dog."),
        ("wrong_language", "ru", "It is a dog", "Это собака"),
        ("wrong_language", "zh", "The answer", "NBA"),
        ("encoding_damage", "fr", "Le cafÃ© est lÃ\xa0", "Le café est là"),
        ("encoding_damage", "en", "It\N{LATIN SMALL LETTER A WITH CIRCUMFLEX}€™s", "It’s 5 °C"),
        ("encoding_damage", "en", "caf\N{REPLACEMENT CHARACTER}", "Ângela, São"),
    ],
)
def test_checks_that_a_pipeline_asks_for(reason: str, lang: str, bad: str, good: str) -> None:
    for outputs, problem in ((bad, reason), (good, None)):
        texts = RowTexts("q", outputs, lang, True)
        assert text_problem(texts, KNOWN) == problem
        assert text_problem(texts, CHECKS) is None, "not among the default"


@pytest.mark.parametrize(
    "valid",
    [
        record(Turn("", "a"), images=IMAGE),
        record(Turn("", "a"), context="A passage."),
        record(Turn("", "", (" x", "y"), 0), images=IMAGE),
        record(Turn("", ""), Turn("", "a")),
    ],
    ids=["image alone", "context alone", "blank answer of an option", "a dialogue"],
)
def test_record_checks_agree_with_text_checks(valid: Record) -> None:
    """A record passes if and only if its rendered texts do, in every answer style."""
    base = load_task("okvqa").card
    for answer in ("text", "letter", "both"):
        card = base.model_copy(update={"render": base.render.model_copy(update={"answer": answer})})
        inputs, outputs = render(valid, "en", Style(answer))
        passes = bool(outputs.strip()) and bool(valid.images or inputs.strip())
        kept = list(check_records([valid], card, ["empty_output", "empty_input"], lambda *_: None))
        assert bool(kept) == passes
