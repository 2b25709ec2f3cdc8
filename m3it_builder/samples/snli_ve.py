"""e-SNLI-VE's layout: scenes with a card over one of six cells, and what is said of one cell.

A statement about the hidden cell is neutral. Every label has statements of the same form, so
that the text alone does not give it away.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path

from PIL import ImageDraw

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import COLORS, SHAPES, Scene, World, encode, paint
from m3it_builder.storage.json_values import dumps

HEADER = ("", "pairID", "Flickr30kID", "hypothesis", "gold_label", "explanation")
_FIRST = {"train": 20_000_000, "dev": 21_000_000, "test": 22_000_000}
_CELLS = [(column, row) for row in (0, 1) for column in (0, 1, 2)]
_CARD = (120, 120, 120)
Row = tuple[str, ...]


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` pairs per split, one per image, in both releases."""
    for file_split, first in _FIRST.items():
        rows = [pair(world, sources, first + index) for index in range(2 * count)]
        write_rows(sources, file_split, rows[:count])
        write_original(sources, file_split, map(original, rows[count:]))


def pair(world: World, sources: Path, number: int) -> Row:
    """Write an image and return a row about it, without the row number."""
    scene, rng = world.scene(number), world.rng(f"snli-ve/{number}")
    label = ("entailment", "neutral", "contradiction")[number % 3]
    thing = rng.choice(scene.things)
    cell = (thing.column, thing.row)
    hidden = rng.choice([other for other in _CELLS if other != cell])
    name, reason = thing.name, f"{_articled(thing.name)} is there.".capitalize()
    if label == "contradiction":
        name = rng.choice([other for other in _names() if other != thing.name])
    if label == "neutral":
        cell, name, reason = hidden, rng.choice(_names()), "A gray card covers that part."
    where = f"at the {('top', 'bottom')[cell[1]]} {('left', 'middle', 'right')[cell[0]]}"
    file = f"{number}.jpg"
    write_bytes(sources / "flickr30k-images/flickr30k-images" / file, _covered(scene, hidden))
    mark = f"{file}#{rng.randrange(5)}r1{label[0]}"
    return (mark, file, f"There is {_articled(name)} {where}.", label, reason)


def write_rows(sources: Path, file_split: str, rows: Iterable[Row]) -> None:
    """Write the official file of one split; the unnamed first column is the row number."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(HEADER)
    lines.writerows((2 * number, *row) for number, row in enumerate(rows))
    path = sources / "esnlive-annotations" / f"esnlive_{file_split}.csv"
    write_bytes(path, text.getvalue().encode())


def original(row: Row) -> JsonObject:
    """Return a row of e-SNLI-VE as one of SNLI-VE, with a premise."""
    mark, file, hypothesis, label, reason = row
    return {
        "Flickr30K_ID": file.removesuffix(".jpg"),
        "annotator_labels": [label],
        "captionID": mark.partition("r1")[0],
        "gold_label": label,
        "pairID": mark,
        "sentence1": reason,
        "sentence2": hypothesis,
    }


def write_original(sources: Path, file_split: str, rows: Iterable[JsonObject]) -> None:
    """Write the compressed file of SNLI-VE for one split."""
    lines = b"".join(dumps(row) + b"\n" for row in rows)
    path = sources / "snli-ve-jsonl" / f"snli_ve_{file_split}.jsonl.gz"
    write_bytes(path, gzip.compress(lines, mtime=0))


def _articled(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _names() -> list[str]:
    return [f"{color} {shape}" for color in COLORS for shape in SHAPES]


def _covered(scene: Scene, cell: tuple[int, int]) -> bytes:
    canvas = paint(scene)
    width, height = scene.width / 3, scene.height / 2
    corner = (cell[0] * width, cell[1] * height)
    edge = (corner[0] + width - 1, corner[1] + height - 1)
    ImageDraw.Draw(canvas).rectangle((*corner, *edge), fill=_CARD)
    return encode(canvas)
