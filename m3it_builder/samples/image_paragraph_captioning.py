"""The layout of the Stanford image paragraphs: a paragraph about all shapes of each scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.samples.files import write_json, write_scene
from m3it_builder.samples.world import World, describe_count, describe_position

_FIRST = {"train": 44_000_000, "val": 45_000_000, "test": 46_000_000}
FOLDERS = {"VG_100K": "visual-genome-images-1", "VG_100K_2": "visual-genome-images-2"}


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split, alternately in the two folders."""
    entries: list[JsonObject] = []
    splits: dict[str, list[int]] = {}
    for file_split, first in _FIRST.items():
        splits[file_split] = list(range(first, first + count))
        entries += [entry(world, sources, number) for number in splits[file_split]]
    write_entries(sources, entries, splits)


def entry(world: World, sources: Path, number: int) -> JsonObject:
    """Write one image, and return its entry."""
    folder = list(FOLDERS)[number % 2]
    write_scene(sources / FOLDERS[folder] / folder / f"{number}.jpg", world, number)
    return {
        "url": f"https://example.org/{folder}/{number}.jpg",
        "image_id": number,
        "paragraph": _paragraph(world, number),
    }


def write_entries(
    sources: Path, entries: Sequence[JsonObject], splits: Mapping[str, Sequence[int]]
) -> None:
    """Write the official files."""
    write_json(sources / "image-paragraphs" / "paragraphs_v1.json", entries)
    for file_split, numbers in splits.items():
        write_json(sources / "image-paragraph-splits" / f"{file_split}_split.json", numbers)


def _paragraph(world: World, number: int) -> str:
    things = world.scene(number).things
    count = describe_count(len(things), "colored shape")
    sentences = [f"This drawing shows {count} on a plain background."]
    for thing in things:
        article = "An" if thing.color[0] in "aeiou" else "A"
        sentences.append(f"{article} {thing.name} is {describe_position(thing)}.")
    return " ".join(sentences)
