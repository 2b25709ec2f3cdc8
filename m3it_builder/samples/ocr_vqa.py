"""OCR-VQA's layout: books by id, each with two words on a synthetic cover."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.words import WORDS, write_two
from m3it_builder.samples.world import World, encode, paint

_FIRST = {1: 32_000_000, 2: 33_000_000, 3: 34_000_000}  # by number of the split


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` books per split."""
    books = {}
    for split, first in _FIRST.items():
        for number in range(first, first + count):
            path = sources / "ocr-vqa-images" / "images" / f"{number}.jpg"
            books[str(number)] = book(world, split, number, path)
    write_books(sources, books)


def book(world: World, split: int, number: int, cover: Path) -> JsonObject:
    """Return the entry of one book, and write its cover."""
    canvas = paint(world.scene(number))
    words = write_two(canvas, world.rng(f"ocr-vqa/{number}"), WORDS)
    write_bytes(cover, encode(canvas))
    return {
        "imageURL": f"https://covers.example/{number}.jpg",
        "questions": ["What is the title of this book?", "Who is the publisher of this book?"],
        "answers": [word.title() for word in words.values()],
        "title": words["top"].title(),
        "authorName": "",
        "genre": "Arts & Photography",
        "split": split,
    }


def write_books(sources: Path, books: JsonObject) -> None:
    """Write the official file."""
    write_json(sources / "ocr-vqa-annotations" / "dataset.json", books)
