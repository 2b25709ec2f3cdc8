"""ST-VQA's layout: two signs on each synthetic scene, in the folders of its six sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.words import WORDS, write_two
from m3it_builder.samples.world import World, encode, paint

# Dataset, and the pattern of its paths.
_FOLDERS = (
    ("coco-text", "coco-text/COCO_train2014_{:012d}.jpg"),
    ("VisualGenome", "VisualGenome/1/{}.jpg"),
    ("VisualGenome", "VisualGenome/2/{}.jpg"),
    ("imageNet", "imageNet/n03868863_{}.JPEG"),
    ("icdar", "icdar/img_{}.jpg"),
    ("vizwiz", "vizwiz/VizWiz_{:012d}.jpg"),
    ("IIIT_text", "IIIT_text/{}.jpg"),
)
_FIRST = {"train": 30_000_000, "test": 31_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split."""
    for part in _FIRST:
        write_questions(sources, part, [question(world, sources, part, n) for n in range(count)])


def question(world: World, sources: Path, part: str, index: int) -> JsonObject:
    """Return the question about one image, and write the image."""
    number = _FIRST[part] + index
    dataset, pattern = _FOLDERS[index % len(_FOLDERS)]
    path = pattern.format(number)
    rng = world.rng(f"st-vqa/{number}")
    canvas = paint(world.scene(number))
    signs = write_two(canvas, rng, WORDS)
    write_bytes(sources / "st-vqa-images" / path, encode(canvas))
    position = rng.choice(list(signs))
    row: JsonObject = {
        "question": f"What does the sign at the {position} say?",
        "answers": [signs[position].capitalize(), signs[position]],
        "question_id": number,
        "file_path": path,
        "file_name": path.rpartition("/")[2],
        "dataset": dataset,
        "set_name": part,
    }
    if part == "test":
        del row["answers"]
    return row


def write_questions(sources: Path, part: str, rows: Sequence[JsonObject]) -> None:
    """Write the official file of one split."""
    value = {"dataset_name": "st-vqa", "dataset_version": "1.0", "task": 3, "data": rows}
    write_json(sources / "st-vqa-annotations" / f"{part}_task_3.json", value)
