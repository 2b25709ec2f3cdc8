"""SHAPES' layout: an array of little drawings, with a query and its answer a line."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import World

_PARTS = ("train.large", "val", "test")
_COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
_SHAPES = ("circle", "square", "triangle")
_SIDE, _CELL = 30, 10
Grid = dict[tuple[int, int], tuple[str, str]]  # (column, row) to (color, shape)


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` drawings a part."""
    for part in _PARTS:
        images, queries, outputs = [], [], []
        for number in range(count):
            grid = _grid(world, f"shapes/{part}/{number}")
            query, truth = _query(world, grid, f"shapes/{part}/{number}/query")
            images.append(drawing(grid))
            queries.append(query)
            outputs.append(str(truth).lower())
        write_part(sources, part, images, queries, outputs)


def write_part(
    sources: Path, part: str, images: Sequence[bytes], queries: list[str], outputs: list[str]
) -> None:
    """Write the three official files of one part."""
    folder = sources / "shapes"
    write_bytes(folder / f"{part}.input.npy", npy(images))
    write_bytes(folder / f"{part}.query", "".join(f"{line}\n" for line in queries).encode())
    write_bytes(folder / f"{part}.output", "".join(f"{line}\n" for line in outputs).encode())


def drawing(grid: Grid) -> bytes:
    """Return the pixels of one drawing, channels in the order BGR."""
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
    facts = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header = facts.ljust(-(-(len(facts) + 11) // 64) * 64 - 11) + "\n"
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
    return start + b"".join(images)


def _grid(world: World, key: str) -> Grid:
    dice = world.dice(key)
    cells = [(column, row) for column in range(3) for row in range(3)]
    return {
        cell: (dice.choice(list(_COLORS)), dice.choice(_SHAPES))
        for cell in sorted(dice.sample(cells, dice.randint(3, 6)))
    }


def _query(world: World, grid: Grid, key: str) -> tuple[str, bool]:
    """Return a query of the official form and its answer."""
    dice = world.dice(key)
    words = (*_COLORS, *_SHAPES)
    first, last = dice.choice(words), dice.choice(words)
    steps = {"left_of": (1, 0), "right_of": (-1, 0), "above": (0, 1), "below": (0, -1)}
    relation = dice.choice(list(steps))
    across, down = steps[relation]
    truth = any(
        first in grid[cell] and last in grid.get((cell[0] + across, cell[1] + down), ())
        for cell in grid
    )
    return f"(is {first} ({relation} {last}))", truth
