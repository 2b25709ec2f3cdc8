"""VisDial's layout: dialogs whose questions and answers are numbers into pools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from m3it_builder.samples.files import coco_number, write_coco, write_json, write_scene
from m3it_builder.samples.world import World

_FIRST = {"val": 15_000_000, "test": 16_000_000}
_COCO = 900_000  # places of the training images


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` dialogs a split; every second training image lies in val2014."""
    dialogs = []
    for place in range(_COCO, _COCO + count):
        folder = "val2014" if place % 2 else "train2014"
        write_coco(sources, world, folder, [place])
        number = coco_number(folder, place)
        dialogs.append((number, world.scene(number)))
    write_dialogs(sources, "train", [talk(world, number) for number, _ in dialogs])
    for part, first in _FIRST.items():
        folder = f"VisualDialog_{part}2018"
        numbers = range(first, first + count)
        for number in numbers:
            name = f"{folder}_{number:012d}.jpg"
            write_scene(sources / "visdial-images" / folder / name, world, number)
        write_dialogs(sources, part, [talk(world, number) for number in numbers])


def talk(world: World, number: int) -> dict[str, Any]:
    """Return a dialog with its texts spelt out."""
    scene = world.scene(number)
    rounds = [(question.lower().rstrip("?"), answer) for question, answer in scene.questions()]
    return {"image_id": number, "caption": scene.captions()[0].lower(), "rounds": rounds}


def write_dialogs(sources: Path, part: str, talks: list[dict[str, Any]]) -> None:
    """Write the official file of one part; test withholds the last answer."""
    questions: dict[str, int] = {}
    answers: dict[str, int] = {}
    dialogs = []
    for entry in talks:
        rounds: list[dict[str, Any]] = []
        for question, answer in entry["rounds"]:
            asked = questions.setdefault(question, len(questions))
            given = answers.setdefault(answer, len(answers))
            rounds.append(
                {"question": asked, "answer": given, "answer_options": [given], "gt_index": 0}
            )
        if part == "test":
            rounds[-1] = {"question": rounds[-1]["question"], "answer_options": [0]}
        dialogs.append(
            {"image_id": entry["image_id"], "caption": entry["caption"], "dialog": rounds}
        )
    split = part if part == "train" else f"{part}2018"
    data = {"questions": list(questions), "answers": list(answers), "dialogs": dialogs}
    value = {"version": "1.0", "split": split, "data": data}
    write_json(sources / "visdial-annotations" / f"visdial_1.0_{part}.json", value)
