"""VCR's layout: synthetic stills, boxes in metadata files, questions with object tags."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_json, write_jsonl, write_scene
from m3it_builder.samples.world import Scene, World, describe_position

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
    objects = [thing.name.replace(" ", "") for thing in scene.things]
    target = scene.things.index(scene.unique[0])
    truth = describe_position(scene.things[target])
    corners = [f"at the {row} {column}" for row in ("top", "bottom") for column in
               ("left", "middle", "right")]  # fmt: skip
    wrong = [corner for corner in corners if corner != truth]
    world.rng(f"vcr/{number}").shuffle(wrong)
    label = number % 4
    answers = [*wrong[:3]]
    answers.insert(label, truth)
    row = {
        "movie": MOVIE,
        "objects": objects,
        "img_fn": f"{still_name(number)}.jpg",
        "metadata_fn": f"{still_name(number)}.json",
        "question_orig": f"Where is {target + 1}?",
        "question": ["Where", "is", [target], "?"],
        "answer_choices": [["It", "is", *words.split(), "."] for words in answers],
        "answer_label": label,
        "rationale_choices": _reasons(scene, target, label),
        "rationale_label": label,
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
        "names": [thing.name.replace(" ", "") for thing in scene.things],
        "width": scene.width,
        "height": scene.height,
    }
    write_json(folder / f"{still_name(number)}.json", metadata)


def _reasons(scene: Scene, target: int, label: int) -> list[list[str | list[int]]]:
    thing = scene.things[target]
    truth: list[str | list[int]] = [[target], "is", "the", "only", thing.color, thing.shape, "."]
    wrong: list[list[str | list[int]]] = [
        ["There", "is", "no", thing.color, thing.shape, "."],
        [[target], "isn't", "to", "be", "seen", "."],
        ["Nothing", "is", thing.color, "here", "."],
    ]
    wrong.insert(label, truth)
    return wrong
