"""Flickr8k-CN's layout: Chinese sentences about synthetic photos."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.samples.chinese import COLORS, NUMBERS, SHAPES
from m3it_builder.samples.files import write_bytes, write_scene
from m3it_builder.samples.world import Thing, World

_FIRST = {"train": 12_000_000, "val": 13_000_000, "test": 14_000_000}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` photos per split with five sentences each, all sentences 0 first."""
    splits = {file_split: range(first, first + count) for file_split, first in _FIRST.items()}
    for file_split, numbers in splits.items():
        for number in numbers:
            write_photo(world, sources, number)
        write_split(sources, file_split, [stem(number) for number in numbers])
    listed = [number for numbers in splits.values() for number in numbers]
    lines = [
        f"{stem(number)}.jpg#zhc#{n} {sentences(world, number)[n]}"
        for n in range(5)
        for number in listed
    ]
    write_lines(sources, "flickr8kzhc.caption.txt", lines)


def stem(number: int) -> str:
    """Return the file name of a photo without extension."""
    return f"{number}_{number % 4093:010x}"


def write_photo(world: World, sources: Path, number: int) -> None:
    """Write one photo."""
    folder = sources / "flickr8k-images" / "Flicker8k_Dataset"
    write_scene(folder / f"{stem(number)}.jpg", world, number)


def sentences(world: World, number: int) -> list[str]:
    """Return five correct sentences about one photo."""
    things = world.scene(number).things
    first = _name(things[0])
    count = NUMBERS[len(things)]
    return [
        f"图中有{count}个图形。",
        f"画面上有一个{first}。",
        f"一个{first}在浅色的背景上。",
        "、".join(f"一个{_name(thing)}" for thing in things) + "。",
        f"这幅画里一共有{count}个图形，其中一个是{first}。",
    ]


def write_split(sources: Path, file_split: str, stems: list[str]) -> None:
    """Write the list of one split."""
    write_lines(sources, f"flickr8k{file_split}.txt", stems)


def write_lines(sources: Path, name: str, lines: list[str]) -> None:
    """Write one text file of the annotation folder."""
    data = "".join(f"{line}\n" for line in lines).encode()
    write_bytes(sources / "flickr8k-cn-annotations" / name, data)


def _name(thing: Thing) -> str:
    return COLORS[thing.color] + SHAPES[thing.shape]
