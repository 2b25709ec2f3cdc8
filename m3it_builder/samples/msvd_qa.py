"""MSVD-QA's layout: AVI clips of one moving shape, with questions about the shape."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.clips import clip, write_clip
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.world import World

FIRST = {"train": 1, "val": 100_001, "test": 200_001}
QUESTIONS = ("what is moving?", "what moves across the screen?")


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` clips per split, each with two questions."""
    numbers: list[int] = []
    for file_split, first in FIRST.items():
        numbers += range(first, first + count)
        rows = [row for n in range(first, first + count) for row in questions(world, n)]
        write_json(sources / "msvd-qa-annotations" / f"{file_split}_qa.json", rows)
    for number in numbers:
        write_clip(sources / "msvd-videos" / "YouTubeClips" / f"{stem(number)}.avi", world, number)
    write_mapping(sources, numbers)


def questions(world: World, number: int) -> list[JsonObject]:
    """Return the questions about one clip."""
    answer = clip(world, number).fact("shape")
    return [
        {"answer": answer, "id": number * 2 + n, "question": question, "video_id": number}
        for n, question in enumerate(QUESTIONS)
    ]


def stem(number: int) -> str:
    """Return the name of a clip: id of the video, and the seconds cut out of it."""
    return f"clip{number:07d}_{number % 50}_{number % 50 + 2}"


def write_mapping(sources: Path, numbers: list[int]) -> None:
    """Write the list of names, with the line ends of the official file."""
    lines = "\r\n".join(f"{stem(number)} vid{number}" for number in numbers)
    write_bytes(sources / "msvd-mapping" / "youtube_mapping.txt", lines.encode())
