"""CLEVR's layout: one question about a number per synthetic image, stored with alpha."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World, encode, paint

_FIRST = {"train": 33_000_000, "val": 34_000_000, "test": 35_000_000}
FOLDER = Path("clevr") / "CLEVR_v1.0"


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split; those of test have no answers."""
    for part, first in _FIRST.items():
        rows = [question(world, sources, part, number) for number in range(first, first + count)]
        write_questions(sources, part, rows)


def question(world: World, sources: Path, part: str, number: int) -> JsonObject:
    """Write one image and return its question."""
    index = number - _FIRST[part]
    name = f"CLEVR_{part}_{index:06d}.png"
    scene = world.scene(number)
    image = paint(scene).convert("RGBA")
    write_bytes(sources / FOLDER / "images" / part / name, encode(image, "png"))
    asked = ask(scene, "count", world.rng(f"clevr/{number}"))
    row = {
        "image_index": index,
        "question_index": index,
        "image_filename": name,
        "split": part,
        "question": asked.text,
    }
    if part == "test":
        return row
    steps = [("scene", []), ("count", [0])]
    program = [{"inputs": inputs, "function": f, "value_inputs": []} for f, inputs in steps]
    return {**row, "answer": asked.answer, "question_family_index": 0, "program": program}


def write_questions(sources: Path, part: str, rows: list[JsonObject]) -> None:
    """Write the official file of one split."""
    license_name = "Creative Commons Attribution (CC BY 4.0)"
    info = {"split": part, "license": license_name, "version": "1.0", "date": "2/14/2017"}
    path = sources / FOLDER / "questions" / f"CLEVR_{part}_questions.json"
    write_json(path, {"info": info, "questions": rows})
