"""MSRVTT-QA's layout: clips of moving shapes with three questions each."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.clips import Clip, clip, write_clip
from m3it_builder.samples.files import write_json
from m3it_builder.samples.world import World

_FIRST = {"train": 0, "val": 100_000, "test": 200_000}
FOLDER = Path("msrvtt-videos") / "MSRVTT" / "videos" / "all"


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` clips per split."""
    for file_split, first in _FIRST.items():
        rows = []
        for number in range(first, first + count):
            write_clip(sources / FOLDER / f"video{number}.mp4", world, number)
            rows += questions(world, number)
        write_json(sources / "msrvtt-qa-annotations" / f"{file_split}_qa.json", rows)


def questions(world: World, number: int) -> list[JsonObject]:
    """Return the questions about one clip."""
    moving = clip(world, number)
    return [
        {
            "answer": moving.fact("direction"),
            "category_id": number % 20,
            "id": number * 10 + n,
            "question": question,
            "video_id": number,
        }
        for n, question in enumerate(_texts(moving))
    ]


def _texts(moving: Clip) -> tuple[str, str, str]:
    return (
        f"where does the {moving.thing.shape} go?",
        f"in which direction does the {moving.thing.name} move?",
        f"which way does something {moving.thing.color} move?",
    )
