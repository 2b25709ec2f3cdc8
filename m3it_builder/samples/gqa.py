"""GQA's layout: one question about a position per synthetic image."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_json, write_scene
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World

_FIRST = {"train": 30_000_000, "val": 31_000_000, "testdev": 32_000_000}
PARTS = 10


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per set, those of training also in ten files."""
    for part, first in _FIRST.items():
        listed = dict(question(world, sources, number) for number in range(first, first + count))
        write_questions(sources, f"{part}_balanced_questions", listed)
        if part != "train":
            write_questions(sources, f"{part}_all_questions", listed)
            continue
        for n in range(PARTS):
            some = dict(list(listed.items())[n::PARTS])
            write_questions(sources, f"train_all_questions/train_all_questions_{n}", some)


def question(world: World, sources: Path, number: int) -> tuple[str, JsonObject]:
    """Write one image; return the id of its question, and the question."""
    scene = world.scene(number)
    asked = ask(scene, "position", world.rng(f"gqa/{number}"))
    image = f"n{number}" if number % 2 else str(number)
    write_scene(sources / "gqa-images" / "images" / f"{image}.jpg", world, number)
    row = {
        "semantic": [{"operation": "select", "dependencies": [], "argument": asked.thing.name}],
        "entailed": [],
        "equivalent": [f"0{number}"],
        "question": asked.text,
        "imageId": image,
        "isBalanced": True,
        "groups": {"global": "place", "local": f"04-{asked.thing.shape}_position"},
        "answer": asked.answer.removeprefix("at the "),
        "semanticStr": f"select: {asked.thing.name} (0)->query: position [0]",
        "annotations": {"answer": {}, "question": {}, "fullAnswer": {}},
        "types": {"detailed": "positionQuery", "semantic": "attr", "structural": "query"},
        "fullAnswer": f"The {asked.thing.name} is {asked.answer}.",
    }
    return f"0{number}", row


def write_questions(sources: Path, name: str, questions: object) -> None:
    """Write one official file."""
    write_json(sources / "gqa-questions" / f"{name}.json", questions)
