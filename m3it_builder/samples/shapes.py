"""SHAPES' layout: an array of small images, with one query and one answer per line."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import World

_FILE_SPLITS = ("train.large", "val", "test")
_COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
_SHAPES = ("circle", "square", "triangle")
_SIDE, _CELL = 30, 10
Grid = dict[tuple[int, int], tuple[str, str]]  # (column, row) to (color, shape)


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split."""
    for file_split in _FILE_SPLITS:
        images, queries, outputs = [], [], []
        for number in range(count):
            grid = _grid(world, f"shapes/{file_split}/{number}")
            query, truth = _query(world, grid, f"shapes/{file_split}/{number}/query")
            images.append(drawing(grid))
            queries.append(query)
            outputs.append(str(truth).lower())
        write_split(sources, file_split, images, queries, outputs)


def write_split(
    sources: Path, file_split: str, images: Sequence[bytes], queries: list[str], outputs: list[str]
) -> None:
    """Write the three official files of one split."""
    folder = sources / "shapes"
    write_bytes(folder / f"{file_split}.input.npy", npy(images))
    write_bytes(folder / f"{file_split}.query", "".join(f"{line}\n" for line in queries).encode())
    write_bytes(folder / f"{file_split}.output", "".join(f"{line}\n" for line in outputs).encode())


def drawing(grid: Grid) -> bytes:
    """Return the pixels of one image, channels in BGR order."""
    canvas = Image.new("RGB", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(canvas)
    for (column, row), (color, shape) in grid.items():
        x, y = column * _CELL + 1, row * _CELL + 1
        box = (x, y, x + 7, y + 7)
        if shape == "circle":
            pen.ellipse(box, fill=_COLORS[color])
        elif shape == "square":
            pen.rectangle(box, fill=_COLORS[color])
        else:
            pen.polygon([(x + 3.5, y), (x + 7, y + 7), (x, y + 7)], fill=_COLORS[color])
    return canvas.tobytes("raw", "BGR")


def npy(images: Sequence[bytes]) -> bytes:
    """Return images as a NumPy file of format 1.0."""
    shape = (len(images), _SIDE, _SIDE, 3)
    fields = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header = fields.ljust(-(-(len(fields) + 11) // 64) * 64 - 11) + "\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    return start + b"".join(images)


def _grid(world: World, key: str) -> Grid:
    rng = world.rng(key)
    cells = [(column, row) for column in range(3) for row in range(3)]
    chosen = rng.sample(cells, rng.randint(3, 6))
    while not any((x + 1, y) in chosen or (x, y + 1) in chosen for x, y in chosen):
        chosen = rng.sample(cells, rng.randint(3, 6))  # without neighbors no query is true
    return {cell: (rng.choice(list(_COLORS)), rng.choice(_SHAPES)) for cell in sorted(chosen)}


def _query(world: World, grid: Grid, key: str) -> tuple[str, bool]:
    """Return a query in the official format and its answer; half of all answers are true."""
    rng = world.rng(key)
    wanted = rng.random() < 0.5
    while True:
        query, truth = _random_query(grid, rng)
        if truth == wanted:
            return query, truth


def _random_query(grid: Grid, rng: random.Random) -> tuple[str, bool]:
    words = (*_COLORS, *_SHAPES)
    first, last = rng.choice(words), rng.choice(words)
    steps = {"left_of": (1, 0), "right_of": (-1, 0), "above": (0, 1), "below": (0, -1)}
    relation = rng.choice(list(steps))
    across, down = steps[relation]
    truth = any(
        first in grid[cell] and last in grid.get((cell[0] + across, cell[1] + down), ())
        for cell in grid
    )
    return f"(is {first} ({relation} {last}))", truth
