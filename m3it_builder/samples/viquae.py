"""ViQuAE's layout: one question about the shape at a position per synthetic image."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_jsonl, write_scene
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World

FIRST = {"train": 27_000_000, "validation": 28_000_000, "test": 29_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` questions per split."""
    for split, first in FIRST.items():
        numbers = range(first, first + count)
        for number in numbers:
            write_image(world, sources, number)
        write_split(sources, split, [record(world, number) for number in numbers])


def image_name(number: int) -> str:
    """Return the file name of an image."""
    return f"512px-Drawing_{number}.jpg"


def write_image(world: World, sources: Path, number: int) -> None:
    """Write one image."""
    write_scene(sources / "viquae-images" / "images" / image_name(number), world, number)


def record(world: World, number: int) -> JsonObject:
    """Return the line of one image."""
    question = ask(world.scene(number), "shape", world.rng(f"viquae/{number}"))
    text = question.text[0].lower() + question.text[1:].removesuffix("?")
    name = image_name(number)
    return {
        "image": name,
        "input": f"{text} of this drawing?",
        "kilt_id": f"qw_{number}",
        "id": md5(name.encode(), usedforsecurity=False).hexdigest(),
        "meta": {"mention": f"Drawing {number}"},
        "original_question": f"{text} of Drawing {number}?",
        "output": {
            "original_answer": question.answer,
            "answer": [question.answer, f"a {question.answer}"],
            "provenance": [{"title": [f"Drawing {number}"], "wikipedia_id": [f"{number}"]}],
        },
        "url": f"http://upload.wikimedia.org/wikipedia/commons/thumb/0/00/{name}",
        "wikidata_id": f"Q{number}",
    }


def write_split(sources: Path, split: str, records: list[JsonObject]) -> None:
    """Write the file of one split."""
    write_jsonl(sources / "viquae-annotations" / f"{split}.jsonl", records)
