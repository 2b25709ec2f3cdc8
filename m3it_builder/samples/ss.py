"""Something-Something's layout: a shape moved in one direction; classes are shape and direction."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.clips import DIRECTIONS, Clip, clip, write_clip
from m3it_builder.samples.files import write_bytes, write_json
from m3it_builder.samples.world import SHAPES, World

FIRST = {"train": 1, "validation": 100_001, "test": 200_001}
FOLDER = Path("something-something-v2-annotations") / "labels"
CLIPS = Path("something-something-v2-videos") / "20bn-something-something-v2"
CLASSES = [f"Moving a {shape}, {way}" for shape in SHAPES for way in DIRECTIONS]


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` clips per split."""
    folder = sources / FOLDER
    write_json(folder / "labels.json", {name: str(n) for n, name in enumerate(CLASSES)})
    for split, first in FIRST.items():
        numbers = range(first, first + count)
        for number in numbers:
            write_clip(sources / CLIPS / f"{number}.webm", world, number)
        if split != "test":
            write_json(folder / f"{split}.json", [annotation(world, n) for n in numbers])
            continue
        write_json(folder / "test.json", [{"id": str(number)} for number in numbers])
        lines = [f"{n};{template(clip(world, n), slots=False)}\n" for n in numbers]
        write_bytes(folder / "test-answers.csv", "".join(lines).encode())


def annotation(world: World, number: int) -> JsonObject:
    """Return the annotation of one clip."""
    moved = clip(world, number)
    return {
        "id": str(number),
        "label": f"moving {moved.name}, {moved.direction}",
        "template": template(moved),
        "placeholders": [moved.name],
    }


def template(moved: Clip, slots: bool = True) -> str:
    """Return the class of a clip, with or without the brackets of its slot."""
    thing = f"a {moved.thing.shape}"
    return f"Moving {f'[{thing}]' if slots else thing}, {moved.direction}"
