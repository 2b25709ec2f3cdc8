"""A-OKVQA's layout: one question about a shape per synthetic image, with options and reasons."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_number, write_coco, write_json
from m3it_builder.samples.questions import ask, wrong_answers
from m3it_builder.samples.world import World

_FIRST = 20_000  # index of the first image; other tasks have those before it
_REASONS = {
    "circle": "The outline has no corners at all",
    "square": "Four sides of the same length meet at right angles",
    "triangle": "Three sides enclose the area",
    "star": "Five points stick out of the middle",
}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split; those of test have no answers."""
    for file_split in ("train", "val", "test"):
        folder = f"{file_split}2017"
        indices = range(_FIRST, _FIRST + count)
        if file_split != "test":
            write_coco(sources, world, folder, indices)
        write_rows(sources, file_split, [question(world, file_split, n) for n in indices])


def question(world: World, file_split: str, index: int) -> JsonObject:
    """Return the question about one image."""
    number = index if file_split == "test" else coco_number(f"{file_split}2017", index)
    rng = world.rng(f"a-okvqa/{number}")
    asked = ask(world.scene(number), "shape", rng)
    others = wrong_answers("shape", asked.answer, rng)
    choices = [asked.answer, *others]
    rng.shuffle(choices)
    row: JsonObject = {
        "split": file_split,
        "image_id": number,
        "question_id": f"{number:022d}",
        "question": asked.text,
        "choices": choices,
        "difficult_direct_answer": False,
    }
    if file_split != "test":
        row |= {
            "correct_choice_idx": choices.index(asked.answer),
            "direct_answers": [asked.answer] * 7 + [others[0]] * 3,
            "rationales": [
                f"{_REASONS[asked.answer]}.",
                f"{_REASONS[asked.answer]}, as in a {asked.answer}.",
                f"It is {asked.thing.color} and looks like a {asked.answer}.",
            ],
        }
    return row


def write_rows(sources: Path, file_split: str, rows: list[JsonObject]) -> None:
    """Write the official file of one split."""
    write_json(sources / "a-okvqa-annotations" / f"aokvqa_v1p0_{file_split}.json", rows)
