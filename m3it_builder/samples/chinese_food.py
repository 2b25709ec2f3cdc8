"""ChineseFoodNet's layout: a class stands for color, shape and place of the things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import COLORS, SHAPES, Scene, Thing, World, encode, paint

FIRST = {"train": 20_000_000, "val": 21_000_000, "test": 22_000_000}
LISTS = {"train": "train_list", "val": "val_list", "test": "test_truth_list"}
_CLASSES = 208
_STEP = 77  # classes between two images; all classes are equally frequent
_KINDS = len(COLORS) * len(SHAPES)


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split."""
    for file_split in FIRST:
        chosen = list(images(file_split, count))
        for number, label in chosen:
            write_image(world, sources, file_split, number, label)
        lines = [line(file_split, number, label) for number, label in chosen]
        write_list(sources, LISTS[file_split], lines)


def images(file_split: str, count: int) -> Iterator[tuple[int, int]]:
    """Yield number and label of the images of a split."""
    for number in range(FIRST[file_split], FIRST[file_split] + count):
        yield number, number * _STEP % _CLASSES


def scene_of(world: World, number: int, label: int) -> Scene:
    """Return a scene of one thing in one of six cells, or of two equal ones in a column."""
    scene = world.scene(number)
    place, kind = divmod(label, _KINDS)
    color, shape = list(COLORS)[kind // len(SHAPES)], SHAPES[kind % len(SHAPES)]
    rows = (place // 3,) if place < 6 else (0, 1)
    things = (_moved(scene, scene.things[0], place % 3, row) for row in rows)
    return replace(scene, things=tuple(replace(t, color=color, shape=shape) for t in things))


def _moved(scene: Scene, thing: Thing, column: int, row: int) -> Thing:
    x = (column - thing.column) * scene.width / 3
    y = (row - thing.row) * scene.height / 2
    x0, y0, x1, y1 = thing.box
    box = (round(x0 + x, 2), round(y0 + y, 2), round(x1 + x, 2), round(y1 + y, 2))
    return replace(thing, box=box, column=column, row=row)


def path_of(file_split: str, number: int, label: int) -> str:
    """Return the path of an image in the folder of its split; test has no folders of classes."""
    name = f"{number - FIRST[file_split]:06d}.jpg"
    return name if file_split == "test" else f"{label:03d}/{name}"


def write_image(world: World, sources: Path, file_split: str, number: int, label: int) -> None:
    """Write one image."""
    folder = sources / "chinesefoodnet-images" / "release_data" / file_split
    path = folder / path_of(file_split, number, label)
    write_bytes(path, encode(paint(scene_of(world, number, label))))


def line(file_split: str, number: int, label: int) -> str:
    """Return the line of one image."""
    return f"{path_of(file_split, number, label)} {label}"


def write_list(sources: Path, name: str, lines: list[str]) -> None:
    """Write one list."""
    data = "".join(f"{each}\n" for each in lines).encode()
    write_bytes(sources / "chinesefoodnet-lists" / f"{name}.txt", data)
