"""TextVQA's layout: a word on a synthetic scene, read by ten people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.words import WORDS, write_word
from m3it_builder.samples.world import World, encode, paint

_FIRST = {"train": 27_000_000, "val": 28_000_000, "test": 29_000_000}
_ARCHIVES = {"train_images": "trainval", "test_images": "test"}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split, and the words that are to be read."""
    for part in _FIRST:
        rows = [question(world, sources, part, index) for index in range(count)]
        write_questions(sources, part, rows)


def question(world: World, sources: Path, part: str, index: int) -> JsonObject:
    """Return the question about one image, and write the image."""
    number = _FIRST[part] + index
    image_id = f"{number:016x}"
    rng = world.rng(f"text-vqa/{number}")
    scene = world.scene(number)
    canvas = paint(scene)
    word = rng.choice(WORDS)
    corner = (rng.randrange(world.width // 3), rng.randrange(world.height * 2 // 3))
    write_word(canvas, word, corner, legible=True)
    folder = "test_images" if part == "test" else "train_images"
    source = f"openimages-textvqa-{_ARCHIVES[folder]}-images"
    write_bytes(sources / source / folder / f"{image_id}.jpg", encode(canvas))
    row: JsonObject = {
        "question": "what does the label say?",
        "image_id": image_id,
        "image_classes": ["Drawing"],
        "flickr_original_url": "",
        "flickr_300k_url": "",
        "image_width": scene.width,
        "image_height": scene.height,
        "answers": [word.lower()] * 7 + [word] * 3,
        "question_tokens": ["what", "does", "the", "label", "say"],
        "question_id": number,
        "set_name": part,
    }
    if part == "test":
        del row["answers"]
    return row


def write_questions(sources: Path, part: str, rows: Sequence[JsonObject]) -> None:
    """Write the official files of one split; a word of a synthetic image is its OCR token."""
    wrapper = {"dataset_type": part, "dataset_name": "textvqa", "dataset_version": "0.5.1"}
    path = sources / "textvqa-annotations" / f"TextVQA_0.5.1_{part}.json"
    write_json(path, {**wrapper, "data": rows})
    tokens = {
        row["image_id"]: {
            "image_id": row["image_id"],
            "ocr_tokens": row["answers"][-1].split(),
            "ocr_info": [],
        }
        for row in rows
        if row.get("answers")
    }
    path = sources / "textvqa-rosetta-ocr" / f"TextVQA_Rosetta_OCR_v0.2_{part}.json"
    write_json(path, {**wrapper, "data": list(tokens.values())})
