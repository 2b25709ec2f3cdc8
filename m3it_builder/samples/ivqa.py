"""iVQA's layout: clips of one moving shape, with one question about its color."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from m3it_builder.samples.clips import clip, write_clip
from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import World

FIRST = {"train": 0, "val": 100_000, "test": 200_000}
COLUMNS = ["video_id", "start", "end", "question", *(f"answer{n}" for n in range(1, 6))]
CLIPS = Path("ivqa-videos") / "iVQA_videos"


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` clips per split."""
    for file_split, first in FIRST.items():
        rows = []
        for number in range(first, first + count):
            row = annotation(world, number)
            suffix = ".mp4" if number % 3 == 0 else ".webm"
            write_clip(sources / CLIPS / f"{'_'.join(row[:3])}{suffix}", world, number)
            rows.append(row)
        write_table(sources, file_split, rows)


def annotation(world: World, number: int) -> list[str]:
    """Return the row of one clip; one of five annotators calls the thing by its shape."""
    facts = clip(world, number)
    start = number % 60
    cells = [f"clip{number:07d}", str(start), str(start + 10), "What color is the moving shape?"]
    return cells + [facts.fact("color")] * 3 + [facts.fact("color").title(), facts.fact("shape")]


def write_table(sources: Path, file_split: str, rows: Iterable[list[str]]) -> None:
    """Write the official file of one split."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    write_bytes(sources / "ivqa-annotations" / f"{file_split}.csv", text.getvalue().encode())
