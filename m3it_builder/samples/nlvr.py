"""NLVR2's statements about image pairs, and NLVR's about drawings of three boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from m3it_builder.samples.files import write_bytes, write_jsonl, write_scene
from m3it_builder.samples.world import NUMBERS, Scene, World, encode, paint

_FIRST = {"train": 2_000_000, "dev": 3_000_000, "test": 4_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` statements a split, for NLVR2 and for NLVR."""
    for part in ("train", "dev"):
        rows = [pair(world, sources, part, place) for place in range(count)]
        write_jsonl(sources / "nlvr2-annotations" / f"{part}.json", rows)
    for part in ("train", "dev", "test"):
        rows = [drawing(world, sources, part, place) for place in range(count)]
        write_jsonl(sources / "nlvr-annotations" / part / f"{part}.json", rows)


def pair(world: World, sources: Path, part: str, place: int) -> dict[str, Any]:
    """Draw two images and return one statement about them."""
    number = _FIRST[part] + 2 * place
    left, right = world.scene(number), world.scene(number + 1)
    directory = place % 100
    folder = f"train/{directory}" if part == "train" else part
    for side in (0, 1):
        name = f"{part}-{place}-0-img{side}.png"
        write_scene(
            sources / "nlvr2-images" / "images" / folder / name, world, number + side, "png"
        )
    sentence, holds = _compared(left, right, place)
    row = {
        "sentence": sentence,
        "left_url": f"https://example.org/{number}.png",
        "label": str(holds),
        "writer": "61",
        "validation": {"61": str(holds)},
        "right_url": f"https://example.org/{number + 1}.png",
        "synset": "shape",
        "query": "some shapes",
        "identifier": f"{part}-{place}-0-0",
        "extra_validations": {},
    }
    return row | {"directory": directory} if part == "train" else row


def drawing(world: World, sources: Path, part: str, place: int) -> dict[str, Any]:
    """Draw three boxes side by side and return one statement about them."""
    scenes = [world.scene(_FIRST[part] + 500_000 + 3 * place + n) for n in range(3)]
    canvas = Image.new("RGBA", (400, 100), (255, 255, 255, 255))
    for n, scene in enumerate(scenes):
        canvas.paste(paint(scene).resize((120, 90)), (5 + 135 * n, 5))
    identifier, directory = f"{place}-0", str(place % 7)
    name = f"{part}-{identifier}-0.png"
    target = sources / "nlvr-images" / "nlvr" / part / "images" / directory / name
    write_bytes(target, encode(canvas, "png"))
    total = sum(scene.count("circle") for scene in scenes)
    said = total if place % 2 else total + 1
    label = str(said == total).lower()
    return {
        "sentence": f"The number of circles in the three boxes is {said}",
        "label": label,
        "identifier": identifier,
        "directory": directory,
        "evals": {"r0": label},
        "structured_rep": [],
    }


def _compared(left: Scene, right: Scene, place: int) -> tuple[str, bool]:
    """Return a sentence about both images and whether it is true."""
    if place % 2:
        fewer = len(left.things) < len(right.things)
        return "The left image shows fewer shapes than the right image.", fewer
    total = len(left.things) + len(right.things)
    said = total if place % 4 else min(total + 1, 10)
    word = NUMBERS[said] if said < len(NUMBERS) else str(said)
    return f"The two images show {word} shapes in all.", said == total
