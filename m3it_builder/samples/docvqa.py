"""DocVQA's layout: pages with two notes, and one question about each page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.words import write_two
from m3it_builder.samples.world import World, encode, paint

FILES = {"train": "train_v1.0_withQT", "val": "val_v1.0_withQT", "test": "test_v1.0"}
_NOTES = ("1/8/93", "12 MAY", "$ 40", "No. 7", "7.5 %", "COPY", "PAID", "Page 3", "DRAFT", "Unit 9")
_FIRST = {"train": 24_000_000, "val": 25_000_000, "test": 26_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` pages per split."""
    for part in FILES:
        write_questions(sources, part, [question(world, sources, part, n) for n in range(count)])


def question(world: World, sources: Path, part: str, index: int) -> JsonObject:
    """Return the question about one page, and write its image."""
    number = _FIRST[part] + index
    name = f"scan{number}_1.png"
    rng = world.rng(f"docvqa/{number}")
    canvas = paint(world.scene(number))
    notes = write_two(canvas, rng, _NOTES)
    write_bytes(sources / "docvqa-images" / name, encode(canvas, "png"))
    write_ocr(sources / "docvqa-ocr" / f"scan{number}_1.json", list(notes.values()))
    position = rng.choice(list(notes))
    row: JsonObject = {
        "questionId": number,
        "question": f"What is noted at the {position} of the page?",
        "question_types": ["layout"],
        "image": f"documents/{name}",
        "docId": number,
        "ucsf_document_id": f"scan{number}",
        "ucsf_document_page_no": "1",
        "answers": [notes[position], notes[position].lower()],
        "data_split": part,
    }
    if part == "test":
        del row["answers"], row["question_types"]
    return row


def write_ocr(path: Path, texts: Sequence[str]) -> None:
    """Write the recognized lines of one page; their boxes are not correct."""
    lines = [{"boundingBox": [0] * 8, "text": text, "words": []} for text in texts]
    result = {"page": 1, "clockwiseOrientation": 0, "unit": "pixel", "lines": lines}
    write_json(path, {"status": "Succeeded", "recognitionResults": [result]})


def write_questions(sources: Path, part: str, rows: Sequence[JsonObject]) -> None:
    """Write the official file of one split."""
    value = {
        "dataset_name": "SP-DocVQA",
        "dataset_version": "1.0",
        "dataset_split": part,
        "data": rows,
    }
    write_json(sources / "docvqa-annotations" / f"{FILES[part]}.json", value)
