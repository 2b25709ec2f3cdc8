"""ScienceQA's layout: problems with choices, every other one without an image."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_json, write_scene
from m3it_builder.samples.questions import ask, wrong_answers
from m3it_builder.samples.world import COLORS, SHAPES, World

_FIRST = {"train": 17_000_000, "val": 18_000_000, "test": 19_000_000}
_PLACES = ("first", "second", "third", "fourth")


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` problems per split."""
    problems = {}
    splits = {}
    for file_split, first in _FIRST.items():
        numbers = range(first, first + count)
        splits[file_split] = [str(number) for number in numbers]
        for number in numbers:
            problems[str(number)] = problem(world, sources, file_split, number)
    write_problems(sources, problems, splits)


def problem(world: World, sources: Path, file_split: str, number: int) -> JsonObject:
    """Return one problem; write its image if it has one."""
    rng = world.rng(f"science/{number}")
    if number % 2:
        place = rng.randrange(len(SHAPES))
        colors = rng.sample(list(COLORS), len(SHAPES))
        row = [f"{c} {s}" for c, s in zip(colors, rng.sample(SHAPES, len(SHAPES)), strict=True)]
        hint = f"There is a row of shapes. From left to right: {', '.join(row)}."
        question, truth = f"What color is the {_PLACES[place]} shape?", colors[place]
        choices = colors
    else:
        folder = sources / "scienceqa-images" / file_split / str(number)
        write_scene(folder / "image.png", world, number, "png")
        asked = ask(world.scene(number), "color", rng)
        question, truth, hint = asked.text, asked.answer, ""
        choices = [truth, *wrong_answers("color", truth, rng, 2)]
    rng.shuffle(choices)
    return {
        "question": question,
        "choices": choices,
        "answer": choices.index(truth),
        "hint": hint,
        "image": None if number % 2 else "image.png",
        "task": "closed choice",
        "grade": "grade2",
        "subject": "natural science",
        "topic": "geometry",
        "category": "Shapes",
        "skill": "Identify shapes",
        "lecture": "Shapes differ in color. ",
        "solution": f"The answer is {truth}.",
        "split": file_split,
    }


def write_problems(sources: Path, problems: JsonObject, splits: dict[str, list[str]]) -> None:
    """Write the two official files."""
    folder = sources / "scienceqa-annotations"
    write_json(folder / "problems.json", problems)
    write_json(folder / "pid_splits.json", splits)
