"""The layouts of NLVR2 (statements about image pairs) and NLVR (images of three boxes)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_bytes, write_jsonl, write_scene
from m3it_builder.samples.world import NUMBERS, Scene, World, encode, paint

_FIRST = {"train": 2_000_000, "dev": 3_000_000, "test": 4_000_000}
_UNUSED = 10**9  # numbers of scenes that are never painted


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` statements per split, for NLVR2 and for NLVR."""
    for file_split in ("train", "dev"):
        rows = [pair(world, sources, file_split, index) for index in range(count)]
        write_jsonl(sources / "nlvr2-annotations" / f"{file_split}.json", rows)
    for file_split in ("train", "dev", "test"):
        rows = [drawing(world, sources, file_split, index) for index in range(count)]
        write_jsonl(sources / "nlvr-annotations" / file_split / f"{file_split}.json", rows)


def pair(world: World, sources: Path, file_split: str, index: int) -> JsonObject:
    """Write two images and return one statement about them."""
    number = _FIRST[file_split] + 2 * index
    left, right = world.scene(number), world.scene(number + 1)
    directory = index % 100
    folder = f"train/{directory}" if file_split == "train" else file_split
    for side in (0, 1):
        name = f"{file_split}-{index}-0-img{side}.png"
        write_scene(
            sources / "nlvr2-images" / "images" / folder / name, world, number + side, "png"
        )
    rng = world.rng(f"nlvr2/{file_split}/{index}")
    claimed, is_true = _claim(rng, _things([left, right]), map(_things, _elsewhere(world, rng, 2)))
    word = NUMBERS[claimed] if claimed < len(NUMBERS) else str(claimed)
    row = {
        "sentence": f"The two images show {word} shapes in all.",
        "left_url": f"https://example.org/{number}.png",
        "label": str(is_true),
        "writer": "61",
        "validation": {"61": str(is_true)},
        "right_url": f"https://example.org/{number + 1}.png",
        "synset": "shape",
        "query": "some shapes",
        "identifier": f"{file_split}-{index}-0-0",
        "extra_validations": {},
    }
    return row | {"directory": directory} if file_split == "train" else row


def drawing(world: World, sources: Path, file_split: str, index: int) -> JsonObject:
    """Write an image of three boxes side by side and return one statement about them."""
    scenes = [world.scene(_FIRST[file_split] + 500_000 + 3 * index + n) for n in range(3)]
    canvas = Image.new("RGBA", (400, 100), (255, 255, 255, 255))
    for n, scene in enumerate(scenes):
        canvas.paste(paint(scene).resize((120, 90)), (5 + 135 * n, 5))
    identifier, directory = f"{index}-0", str(index % 7)
    name = f"{file_split}-{identifier}-0.png"
    target = sources / "nlvr-images" / "nlvr" / file_split / "images" / directory / name
    write_bytes(target, encode(canvas, "png"))
    rng = world.rng(f"nlvr/{file_split}/{index}")
    claimed, is_true = _claim(rng, _circles(scenes), map(_circles, _elsewhere(world, rng, 3)))
    label = str(is_true).lower()
    return {
        "sentence": f"The number of circles in the three boxes is {claimed}",
        "label": label,
        "identifier": identifier,
        "directory": directory,
        "evals": {"r0": label},
        "structured_rep": [],
    }


def _claim(rng: random.Random, truth: int, elsewhere: Iterator[int]) -> tuple[int, bool]:
    """Return a number, in half of all cases the true one, and whether it is.

    A false one is true elsewhere, so that the number alone is no evidence.
    """
    if rng.random() < 0.5:
        return truth, True
    return next(number for number in elsewhere if number != truth), False


def _elsewhere(world: World, rng: random.Random, number: int) -> Iterator[list[Scene]]:
    """Yield random scenes, some at a time."""
    while True:
        yield [world.scene(rng.randrange(_UNUSED, 2 * _UNUSED)) for _ in range(number)]


def _things(scenes: Iterable[Scene]) -> int:
    return sum(len(scene.things) for scene in scenes)


def _circles(scenes: Iterable[Scene]) -> int:
    return sum(scene.count("circle") for scene in scenes)
