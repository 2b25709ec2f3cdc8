"""Questions about scenes whose answers cannot be guessed from their texts.

A model that sees the question alone must not do well on sample data, or training on them
would prove nothing. So every kind of question has answers of nearly equal frequency, whatever
its text. A task should ask one kind, or two of the same number of answers: where kinds are
mixed, the text of a question narrows down its answers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from m3it_builder.samples.world import (
    COLORS,
    SHAPES,
    Scene,
    Thing,
    describe_position,
    with_article,
)

QuestionKind = Literal["color", "shape", "count", "position", "presence"]
_COUNTS = ("1", "2", "3", "4", "5")  # things in a scene
_POSITIONS = tuple(f"at the {row} {column}" for row in ("top", "bottom")
                   for column in ("left", "middle", "right"))  # fmt: skip
ANSWERS: dict[QuestionKind, tuple[str, ...]] = {
    "color": tuple(COLORS),
    "shape": SHAPES,
    "count": _COUNTS,
    "position": _POSITIONS,
    "presence": ("yes", "no"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One question about a scene."""

    text: str  # with a question mark
    answer: str  # one of ANSWERS
    thing: Thing  # that it is about; for "presence" and "count" any of the scene


def ask(
    scene: Scene, kind: QuestionKind, rng: random.Random, thing: Thing | None = None
) -> Question:
    """Return a question of one kind, with its correct answer.

    Args:
        scene: that it is about.
        kind: of the answer.
        rng: selects a thing of the scene.
        thing: to ask for the color or the shape of; a random one if None.
    """
    thing = thing or rng.choice(scene.things)
    match kind:
        case "color":
            return Question(f"What color is {_by_shape(scene, thing)}?", thing.color, thing)
        case "shape":
            return Question(f"Which shape is {describe_position(thing)}?", thing.shape, thing)
        case "count":
            return Question("How many shapes are there?", str(len(scene.things)), thing)
        case "position":
            thing = rng.choice(scene.unique or scene.things)
            return Question(f"Where is the {thing.name}?", describe_position(thing), thing)
        case "presence":
            return _presence(scene, thing, rng)


def wrong_answers(kind: QuestionKind, answer: str, rng: random.Random, count: int = 3) -> list[str]:
    """Return other answers of a kind, in random order; at most as many as there are."""
    others = [other for other in ANSWERS[kind] if other != answer]
    return rng.sample(others, min(count, len(others)))


def _by_shape(scene: Scene, thing: Thing) -> str:
    if scene.count(thing.shape) == 1:
        return f"the {thing.shape}"
    return f"the {thing.shape} {describe_position(thing)}"


def _presence(scene: Scene, thing: Thing, rng: random.Random) -> Question:
    color, shape, answer = thing.color, thing.shape, "yes"
    if rng.random() < 0.5:
        absent = [(c, s) for c in COLORS for s in SHAPES if not scene.count(s, c)]
        (color, shape), answer = rng.choice(absent), "no"
    return Question(f"Is there {with_article(f'{color} {shape}')}?", answer, thing)
