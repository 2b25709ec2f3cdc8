"""VisDial's layout: dialogs whose questions and answers are indices into pools."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_number, write_coco, write_json, write_scene
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World

_FIRST = {"val": 15_000_000, "test": 16_000_000}
_FIRST_COCO = 900_000  # index of the first training image


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` dialogs per split; every other training image is in val2014."""
    dialogs = []
    for index in range(_FIRST_COCO, _FIRST_COCO + count):
        folder = "val2014" if index % 2 else "train2014"
        write_coco(sources, world, folder, [index])
        number = coco_number(folder, index)
        dialogs.append((number, world.scene(number)))
    write_dialogs(sources, "train", [talk(world, number) for number, _ in dialogs])
    for file_split, first in _FIRST.items():
        folder = f"VisualDialog_{file_split}2018"
        numbers = range(first, first + count)
        for number in numbers:
            name = f"{folder}_{number:012d}.jpg"
            write_scene(sources / "visdial-images" / folder / name, world, number)
        write_dialogs(sources, file_split, [talk(world, number) for number in numbers])


def talk(world: World, number: int) -> JsonObject:
    """Return a dialog with its texts in place of indices.

    It asks for the number of shapes, and then for the color of each.
    """
    scene = world.scene(number)
    rng = world.rng(f"visual-dialog/{number}")
    asked = [ask(scene, "count", rng)]
    asked += [ask(scene, "color", rng, thing) for thing in scene.things]
    rounds = [(one.text.lower().rstrip("?"), one.answer) for one in asked]
    return {"image_id": number, "caption": scene.captions()[0].lower(), "rounds": rounds}


def write_dialogs(sources: Path, file_split: str, talks: list[JsonObject]) -> None:
    """Write the official file of one split; test has no last answer."""
    questions: dict[str, int] = {}
    answers: dict[str, int] = {}
    dialogs = []
    for entry in talks:
        rounds: list[JsonObject] = []
        for question, answer in entry["rounds"]:
            asked = questions.setdefault(question, len(questions))
            answered = answers.setdefault(answer, len(answers))
            rounds.append(
                {"question": asked, "answer": answered, "answer_options": [answered], "gt_index": 0}
            )
        if file_split == "test":
            rounds[-1] = {"question": rounds[-1]["question"], "answer_options": [0]}
        dialogs.append(
            {"image_id": entry["image_id"], "caption": entry["caption"], "dialog": rounds}
        )
    split = file_split if file_split == "train" else f"{file_split}2018"
    data = {"questions": list(questions), "answers": list(answers), "dialogs": dialogs}
    value = {"version": "1.0", "split": split, "data": data}
    write_json(sources / "visdial-annotations" / f"visdial_1.0_{file_split}.json", value)
