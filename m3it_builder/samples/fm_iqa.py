"""FM-IQA's layout: one Chinese question about a color per synthetic image."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.chinese import COLORS, described
from m3it_builder.samples.files import coco_number, write_coco, write_json
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World

FOLDERS = {"train": "train2014", "val": "val2014"}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split."""
    rows = {}
    for file_split, folder in FOLDERS.items():
        write_coco(sources, world, folder, range(1, count + 1))
        rows[file_split] = [pair(world, folder, index) for index in range(1, count + 1)]
    write_json(sources / "fm-iqa-annotations" / "FM-IQA.json", rows)


def pair(world: World, folder: str, index: int) -> JsonObject:
    """Return question and answer of one image."""
    number = coco_number(folder, index)
    scene = world.scene(number)
    question = ask(scene, "color", world.rng(f"fm-iqa/{number}"))
    return {
        "question_id": f"{number * 10 + 1}",
        "image_id": f"{number}",
        "Question": f"{described(scene, question.thing)}是什么颜色的？",
        "Answer": f"{COLORS[question.answer]}。",
    }
