"""Instructions are true of every row they can be used for."""

from __future__ import annotations

import pytest

from m3it_builder import load_task
from m3it_builder.authoring.claims import check_claims
from m3it_builder.cards.instructions import Instruction, Need
from m3it_builder.tasks.registry import all_names

CARD = load_task("okvqa").card
FITTING = tuple(Instruction(f"Reply number {n}, please.") for n in range(5))


def findings(text: str, needs: frozenset[Need] = frozenset(), **facts: object) -> list[str]:
    card = CARD.model_copy(update={"rows_have": (), "closed_answers": (), **facts})
    return list(check_claims([*FITTING, Instruction(text, needs)], card))


@pytest.mark.parametrize("name", sorted(all_names()))
def test_pools_of_built_in_tasks_are_true(name: str) -> None:
    task = load_task(name)
    assert list(check_claims(task.instructions, task.card)) == []


@pytest.mark.parametrize(
    ("text", "word", "needed"),
    [
        ("Name what the red box surrounds.", "box", "box"),
        ("说出红框中的物体。", "框", "box"),
        ("Choose one of the options.", "options", "options"),
        ("从选项中选出一个。", "选项", "options"),
        ("Continue the dialogue.", "dialogue", "dialog"),
        ("Compare the two photographs.", "photographs", "several_images"),
        ("比较这几张照片。", "几张", "several_images"),
        ("Answer the question.", "question", "question"),
        ("Use the hint.", "hint", "context"),
    ],
)
def test_a_claim_must_be_true_of_every_row(text: str, word: str, needed: Need) -> None:
    (finding,) = findings(text)
    assert finding.startswith(f"instruction 6 says {word!r}, but a row may have no {needed}; ")
    assert findings(text, rows_have=(needed,)) == []
    assert findings(text, frozenset({needed})) == []


def test_a_letter_depends_on_the_form_of_the_answer() -> None:
    text = "Give its letter."
    assert findings(text) == [], "a letter to be read"
    (finding,) = findings(text, rows_have=("options",))
    assert "a row may have no letter" in finding
    assert findings(text, frozenset({"letter"}), rows_have=("options",)) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Name the object in view.", "Name the"),
        ("Select the word that fits.", "Select the word"),
        ("Tell them: answer true when it holds.", "answer true"),
        ("Look closely and mark it as false or true.", "mark it as false"),
        ("Use the matching label: true for this, false for that.", ": true"),
        ("输出正确的类别，不要改写它的名称。", "不要改写"),
    ],
)
def test_a_text_depends_on_the_form_of_the_answer(text: str, word: str) -> None:
    options, answers = ("options",), ("true", "false")
    (finding,) = findings(text, rows_have=options, closed_answers=answers)
    assert f"says {word!r}, but a row may have no option_text" in finding
    needs = frozenset[Need]({"option_text"})
    assert findings(text, needs, rows_have=options, closed_answers=answers) == []
    assert findings(text, closed_answers=answers) == [], "there are no options"


def test_an_image_is_one_by_the_card() -> None:
    none = CARD.images.model_copy(update={"min": 0})
    (finding,) = findings("Look at the image.", images=none)
    assert "a row may have no image" in finding
    assert findings("Look at the image.") == []
    two = CARD.images.model_copy(update={"min": 2, "max": 2})
    assert findings("Compare both images.", images=two) == []


@pytest.mark.parametrize(
    ("text", "pair"), [("Say yes or no.", "yes no"), ("True or false?", "true false")]
)
def test_pairs_of_answers(text: str, pair: str) -> None:
    (finding,) = findings(text)
    assert "the 'closed_answers' of the card are not given" in finding
    (finding,) = findings(text, closed_answers=("legible", "illegible"))
    assert "are legible, illegible" in finding
    assert findings(text, closed_answers=tuple(pair.split())) == []


def test_enough_instructions_fit_every_row() -> None:
    pool = [*FITTING[:4], Instruction("Mark it.", frozenset({"box"}))]
    assert list(check_claims(pool, CARD)) == ["only 4 instructions fit every row, 5 are needed"]
