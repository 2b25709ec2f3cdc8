"""Synthetic scenes with complete ground truth.

A scene has a few colored shapes on a grid. Objects, boxes, counts, colors and relations
are exact, so annotations generated from it are correct ("how many red circles are there?"
has the right answer) and a model can learn from them. A scene is a function of the world's
seed and its number, nothing else.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Literal

from PIL import Image, ImageDraw

from m3it_builder.records import Box

COLORS = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (36, 98, 214),
    "yellow": (242, 196, 15),
    "purple": (132, 60, 180),
    "orange": (240, 130, 30),
}
SHAPES = ("circle", "square", "triangle", "star")
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
_BACKGROUNDS = ((246, 246, 242), (232, 238, 244), (244, 236, 228), (228, 240, 230))
_COLUMNS, _ROWS = 3, 2
Codec = Literal["jpeg", "png"]


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape of a scene."""

    shape: str
    color: str
    box: Box  # in pixels
    column: int  # from the left, 0 to 2
    row: int  # from the top, 0 or 1

    @property
    def name(self) -> str:
        """Return color and shape."""
        return f"{self.color} {self.shape}"


@dataclass(frozen=True)
class Scene:
    """One synthetic image and its ground truth."""

    number: int
    width: int
    height: int
    background: tuple[int, int, int]
    things: tuple[Thing, ...]

    def count(self, shape: str | None = None, color: str | None = None) -> int:
        """Return the number of things of a shape, a color, or both."""
        return sum(
            (shape is None or thing.shape == shape) and (color is None or thing.color == color)
            for thing in self.things
        )

    @cached_property
    def unique(self) -> tuple[Thing, ...]:
        """Return the things with a unique combination of color and shape."""
        return tuple(t for t in self.things if self.count(t.shape, t.color) == 1)

    def captions(self) -> list[str]:
        """Return five correct descriptions, from the shortest to the most detailed."""
        names = [thing.name for thing in self.things]
        first = self.things[0]
        return [
            f"A drawing of {describe_count(len(names), 'colored shape')}.",
            f"{_sentence(names)} on a plain background.",
            f"There {'is' if len(names) == 1 else 'are'} {_joined(names)}.",
            f"The {first.name} is {describe_position(first)} of the picture.",
            f"A simple picture with {_joined(names)}, the {first.name} {describe_position(first)}.",
        ]


@dataclass(frozen=True, slots=True)
class World:
    """A seeded generator of scenes."""

    seed: int = 0
    width: int = 160  # pixels
    height: int = 120
    drawn: Callable[[], object] = field(default=bool, compare=False)  # called for every scene

    def scene(self, number: int) -> Scene:
        """Return one scene, a function of seed and number."""
        self.drawn()
        rng = self.rng(f"scene/{number}")
        cells = [(column, row) for row in range(_ROWS) for column in range(_COLUMNS)]
        chosen = sorted(rng.sample(cells, rng.randint(1, 5)))
        things = [self._thing(rng, column, row) for column, row in chosen]
        rng.shuffle(things)
        return Scene(number, self.width, self.height, rng.choice(_BACKGROUNDS), tuple(things))

    def rng(self, key: str) -> random.Random:
        """Return a random generator that depends on the seed and the key alone."""
        digest = blake2b(f"{self.seed}/{key}".encode(), digest_size=8).digest()
        return random.Random(int.from_bytes(digest))  # noqa: S311 - nothing secret

    def _thing(self, rng: random.Random, column: int, row: int) -> Thing:
        cell_width, cell_height = self.width / _COLUMNS, self.height / _ROWS
        side = min(cell_width, cell_height) * rng.uniform(0.55, 0.9)
        x = cell_width * column + rng.uniform(0, cell_width - side)
        y = cell_height * row + rng.uniform(0, cell_height - side)
        box = (round(x, 2), round(y, 2), round(x + side, 2), round(y + side, 2))
        return Thing(rng.choice(SHAPES), rng.choice(list(COLORS)), box, column, row)


def paint(scene: Scene) -> Image.Image:
    """Return the image of a scene."""
    canvas = Image.new("RGB", (scene.width, scene.height), scene.background)
    pen = ImageDraw.Draw(canvas)
    for thing in scene.things:
        fill = COLORS[thing.color]
        if thing.shape == "circle":
            pen.ellipse(thing.box, fill=fill)
        else:
            pen.polygon(_outline(thing), fill=fill)
    return canvas


def encode(image: Image.Image, codec: Codec = "jpeg") -> bytes:
    """Return an encoded image."""
    buffer = io.BytesIO()
    if codec == "jpeg":
        image.save(buffer, "JPEG", quality=88)
    else:
        image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def describe_position(thing: Thing) -> str:
    """Return a phrase for the position of a thing."""
    rows, columns = ("top", "bottom"), ("left", "middle", "right")
    return f"at the {rows[thing.row]} {columns[thing.column]}"


def with_article(name: str) -> str:
    """Return a name after "a" or "an"."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def describe_count(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{NUMBERS[count]} {noun}{'' if count == 1 else 's'}"


def _outline(thing: Thing) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = thing.box
    if thing.shape == "square":
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if thing.shape == "triangle":
        return [((x0 + x1) / 2, y0), (x1, y1), (x0, y1)]
    side = x1 - x0
    return [(x0 + side * u, y0 + side * v) for u, v in _STAR]


_STAR = (
    (0.5, 0.0), (0.62, 0.36), (1.0, 0.38), (0.7, 0.6), (0.8, 1.0),
    (0.5, 0.78), (0.2, 1.0), (0.3, 0.6), (0.0, 0.38), (0.38, 0.36),
)  # fmt: skip


def _joined(names: list[str]) -> str:
    articled = [with_article(name) for name in names]
    return articled[0] if len(names) == 1 else f"{', '.join(articled[:-1])} and {articled[-1]}"


def _sentence(names: list[str]) -> str:
    text = _joined(names)
    return text[0].upper() + text[1:]
