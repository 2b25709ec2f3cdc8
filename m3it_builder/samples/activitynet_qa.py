"""ActivityNet-QA's layout: videos of one moving shape, with questions about its direction."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.clips import clip, write_clip
from m3it_builder.samples.files import write_json
from m3it_builder.samples.world import World

FIRST = {"train": 0, "val": 100_000, "test": 200_000}
QUESTIONS = ("in which direction does the shape move", "where is the shape in the video going")
SUFFIXES = (".mp4", ".mkv", ".webm")
MOTION = 0  # type of question


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` videos per split, each with two questions."""
    for file_split, first in FIRST.items():
        entries = []
        for number in range(first, first + count):
            path = sources / "activitynet-videos" / f"v_{video_name(number)}{SUFFIXES[number % 3]}"
            write_clip(path, world, number)
            entries += questions(world, number)
        write_pairs(sources, file_split, entries)


def video_name(number: int) -> str:
    """Return the name of a video, which has eleven characters."""
    return f"clip{number:07d}"


def questions(world: World, number: int) -> list[tuple[JsonObject, JsonObject]]:
    """Return the questions about one video, and their answers."""
    name, answer = video_name(number), clip(world, number).fact("direction")
    return [
        (
            {"video_name": name, "question": question, "question_id": f"v_{name}_{n}"},
            {"answer": answer, "type": MOTION, "question_id": f"v_{name}_{n}"},
        )
        for n, question in enumerate(QUESTIONS)
    ]


def write_pairs(sources: Path, file_split: str, pairs: list[tuple[JsonObject, JsonObject]]) -> None:
    """Write the two official files of one split."""
    folder = sources / "activitynet-qa-annotations"
    write_json(folder / f"{file_split}_q.json", [question for question, _ in pairs])
    write_json(folder / f"{file_split}_a.json", [answer for _, answer in pairs])
