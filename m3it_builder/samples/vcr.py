"""VCR's layout: synthetic stills, boxes in metadata files, questions with object tags."""

from __future__ import annotations

import random
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_json, write_jsonl, write_scene
from m3it_builder.samples.questions import ask, wrong_answers
from m3it_builder.samples.world import Scene, World

MOVIE = "lsmdc_0001_SAMPLE_WORLD"
_FIRST = {"train": 6_000_000, "val": 7_000_000, "test": 8_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split; test has no labels."""
    for file_split, first in _FIRST.items():
        rows = [question(world, sources, file_split, first, index) for index in range(count)]
        write_jsonl(sources / "vcr-annotations" / f"{file_split}.jsonl", rows)


def question(world: World, sources: Path, file_split: str, first: int, index: int) -> JsonObject:
    """Write a still with an object that occurs once; return a question about it."""
    number = first + index * 8
    while not world.scene(number).unique:
        number += 1
    scene = world.scene(number)
    write_still(sources, world, number)
    rng = world.rng(f"vcr/{number}")
    asked = ask(scene, "position", rng)
    target = scene.things.index(asked.thing)
    wrong = wrong_answers("position", asked.answer, rng)
    answers, label = _shuffled(rng, asked.answer, wrong)
    reasons, reason = _shuffled(
        rng, asked.thing.color, wrong_answers("color", asked.thing.color, rng)
    )
    row = {
        "movie": MOVIE,
        "objects": _names(scene),
        "img_fn": f"{still_name(number)}.jpg",
        "metadata_fn": f"{still_name(number)}.json",
        "question_orig": f"Where is {target + 1}?",
        "question": ["Where", "is", [target], "?"],
        "answer_choices": [["It", "is", *words.split(), "."] for words in answers],
        "answer_label": label,
        "rationale_choices": [
            ["That", "is", "where", "something", color, "is", "drawn", "."] for color in reasons
        ],
        "rationale_label": reason,
        "img_id": f"{file_split}-{number}",
        "question_number": 0,
        "annot_id": f"{file_split}-{index}",
        "match_fold": f"{file_split}-0",
    }
    if file_split == "test":
        del row["answer_label"], row["rationale_label"]
    return row


def still_name(number: int) -> str:
    """Return the name of a still, with dots and @ as in the official names."""
    return f"{MOVIE}/0001_SAMPLE_00.00.{number % 60:02d}.{number % 1000:03d}-00.01.00.000@{number}"


def write_still(sources: Path, world: World, number: int) -> None:
    """Write a still and the metadata file beside it."""
    scene = world.scene(number)
    folder = sources / "vcr-images" / "vcr1images"
    write_scene(folder / f"{still_name(number)}.jpg", world, number)
    metadata = {
        "boxes": [[*thing.box, 0.99] for thing in scene.things],
        "segms": [[] for _ in scene.things],
        "names": _names(scene),
        "width": scene.width,
        "height": scene.height,
    }
    write_json(folder / f"{still_name(number)}.json", metadata)


def _names(scene: Scene) -> list[str]:
    return [thing.shape for thing in scene.things]


def _shuffled(rng: random.Random, truth: str, wrong: list[str]) -> tuple[list[str], int]:
    """Return all texts in random order, and the position of the true one."""
    texts = [truth, *wrong]
    rng.shuffle(texts)
    return texts, texts.index(truth)
