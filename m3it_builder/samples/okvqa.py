"""OK-VQA's layout: one question per synthetic image, answered by common knowledge."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import coco_number, write_coco, write_json
from m3it_builder.samples.world import World, describe_position

KNOWLEDGE = {
    "red": ("tomato", "strawberry"),
    "green": ("cucumber", "lettuce"),
    "blue": ("blueberry", "plum"),
    "yellow": ("banana", "lemon"),
    "purple": ("grape", "eggplant"),
    "orange": ("carrot", "orange"),
}
KINDS = {"one": "Vehicles and Transportation", "six": "Cooking and Food"}
LICENSE = {
    "url": "http://creativecommons.org/licenses/by/4.0/",
    "name": "Creative Commons Attribution 4.0 International License",
}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` training questions and ``count`` validation questions."""
    for year in ("train2014", "val2014"):
        write_coco(sources, world, year, range(1, count + 1))
        pairs = [question(world, year, index) for index in range(1, count + 1)]
        write_pairs(sources, year, [pair[0] for pair in pairs], [pair[1] for pair in pairs])


def question(world: World, year: str, index: int) -> tuple[JsonObject, JsonObject]:
    """Return the question and the annotation of one image."""
    number = coco_number(year, index)
    scene = world.scene(number)
    thing = scene.things[0]
    is_unique = scene.count(thing.shape) == 1
    name = thing.shape if is_unique else f"{thing.shape} {describe_position(thing)}"
    likely, other = KNOWLEDGE[thing.color]
    answers = [likely] * 6 + [other] * 4  # five annotators, each counted twice
    entry = {
        "image_id": number,
        "question": f"Which fruit or vegetable has the color of the {name}?",
        "question_id": number * 10 + 5,
    }
    annotation = {
        "image_id": number,
        "question_id": number * 10 + 5,
        "question_type": "six",
        "answer_type": "other",
        "answers": [
            {"answer_id": n, "raw_answer": text, "answer": text, "answer_confidence": "yes"}
            for n, text in enumerate(answers, 1)
        ],
        "confidence": 3,
    }
    return entry, annotation


def write_pairs(
    sources: Path, year: str, questions: list[JsonObject], annotations: list[JsonObject]
) -> None:
    """Write the two official files of one split."""
    folder = sources / "okvqa-annotations"
    wrapper = {"license": LICENSE, "data_subtype": year, "data_type": "mscoco"}
    info = {"description": "Drawn sample data in the layout of OK-VQA v1.0.", "version": "1.0"}
    question_file = {**wrapper, "task_type": "Open-Ended", "info": info, "questions": questions}
    annotation_file = {**wrapper, "info": info, "annotations": annotations, "question_types": KINDS}
    write_json(folder / f"OpenEnded_mscoco_{year}_questions.json", question_file)
    write_json(folder / f"mscoco_{year}_annotations.json", annotation_file)
