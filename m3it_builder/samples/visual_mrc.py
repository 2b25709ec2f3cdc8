"""VisualMRC's layout: synthetic pages in a folder per site, with answers in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_jsonl, write_scene
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World

_FIRST = {"train": 35_000_000, "dev": 36_000_000, "test": 37_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` pages per split, each with one question."""
    for part, first in _FIRST.items():
        rows = [page(world, sources, number) for number in range(first, first + count)]
        write_pages(sources, part, rows)


def page(world: World, sources: Path, number: int, name: str = "") -> JsonObject:
    """Return the entry of one page, and write its screenshot."""
    name = name or f"site{number % 3}.example/page{number}.png"
    write_scene(sources / "visual-mrc" / "images" / name, world, number, "png")
    asked = ask(world.scene(number), "position", world.rng(f"visual-mrc/{number}"))
    x0, y0, x1, y1 = asked.thing.box
    box = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0}
    return {
        "image_filename": name,
        "url": f"https://{name.removesuffix('.png')}",
        "bounding_boxes": [{"id": 0, "structure": "Image", "shape": box, "ocr_info": []}],
        "qa_data": [
            {
                "question": {"text": asked.text},
                "answer": {"text": f"It is {asked.answer}.", "relevant": [0]},
            }
        ],
    }


def write_pages(sources: Path, part: str, rows: Sequence[JsonObject]) -> None:
    """Write the official file of one split."""
    write_jsonl(sources / "visual-mrc" / "data" / f"{part}.jsonl", rows)
