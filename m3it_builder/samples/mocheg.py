"""MOCHEG's layout: claims about scenes that were cut in two, with text and evidence images.

The images decide. If the part of a scene that the claim is about is missing, the label is NEI;
the texts say only that the scene was cut.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import COLORS, SHAPES, World, encode, paint

HEADER = (
    "Unnamed: 0", "claim_id", "Snopes URL", "Headline", "Claim", "cleaned_truthfulness", "Evidence",
    "evidence_id", "ruling_outline", "Origin",
)  # fmt: skip
_FIRST = {"train": 28_000_000, "val": 28_300_000, "test": 28_600_000}
_NAMES = [f"{color} {shape}" for color in COLORS for shape in SHAPES]
Row = dict[str, str]


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` claims per split."""
    for file_split, first in _FIRST.items():
        rows: list[Row] = []
        for index in range(count):
            rows += claim(world, sources, file_split, first + index)
        write_rows(sources, file_split, rows)


def claim(world: World, sources: Path, file_split: str, number: int) -> list[Row]:
    """Write the images of a claim and return its rows, one for each text evidence."""
    scene, rng = world.scene(number), world.rng(f"mocheg/{number}")
    label = ("supported", "refuted", "NEI")[number % 3]
    thing = rng.choice(scene.things)
    name = thing.name
    if label == "refuted":
        name = rng.choice([other for other in _NAMES if other != name])
    side = 0 if thing.column == 0 else 1
    canvas, middle = paint(scene), scene.width // 3
    halves = (canvas.crop((0, 0, middle, scene.height)),
              canvas.crop((middle, 0, scene.width, scene.height)))  # fmt: skip
    names = ("left third", "other two thirds")
    key = number - 28_000_000
    for n, half in enumerate(halves):
        if label != "NEI" or n != side:
            file = f"{key:05d}-proof-{n:02d}-{names[n].replace(' ', '-')}.jpg"
            write_bytes(_folder(sources, file_split) / "images" / file, encode(half))
    where = ("top", "bottom")[thing.row] + " " + ("left", "middle", "right")[thing.column]
    article = "an" if name[0] in "aeiou" else "a"
    row = {
        "claim_id": str(key),
        "Snopes URL": f"https://example.org/claims/{key}",
        "Headline": "A drawing",
        "Claim": f"Before it was cut, the drawing had {article} {name} at the {where}.",
        "cleaned_truthfulness": label,
        "ruling_outline": f"<p>At the {where} was: {thing.name}.</p>",
        "Origin": "",
    }
    texts = (
        f"<p>The drawing with the number {number} was cut in two.</p>",
        f"<p>It was {scene.width} pixels wide. Some of it may be lost.</p>",
    )
    return [
        {**row, "Evidence": text, "evidence_id": str(n), "Unnamed: 0": str(n)}
        for n, text in enumerate(texts)
    ]


def write_rows(sources: Path, file_split: str, rows: Iterable[Row]) -> None:
    """Write the claims of one split."""
    text = io.StringIO()
    lines = csv.DictWriter(text, HEADER, lineterminator="\n")
    lines.writeheader()
    lines.writerows(rows)
    write_bytes(_folder(sources, file_split) / "Corpus2.csv", text.getvalue().encode())


def _folder(sources: Path, file_split: str) -> Path:
    return sources / "mocheg" / "mocheg" / file_split
