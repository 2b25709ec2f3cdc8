"""COCO-CN's layout: Chinese sentences about synthetic images of both COCO folders."""

from __future__ import annotations

from pathlib import Path

from m3it_builder.samples.files import coco_number, write_bytes, write_coco
from m3it_builder.samples.flickr8k_cn import sentences
from m3it_builder.samples.world import World

ARCHIVE = "coco-cn-annotations/coco-cn-version1805v1.1"
WRITTEN = "imageid.human-written-caption.txt"


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` images per split, with one or two sentences each."""
    half = (count + 1) // 2
    splits = {
        "train": photos(1, count),
        "val": photos(count + 1, half),
        "test": photos(count + half + 1, half),
    }
    for folder in ("train2014", "val2014"):
        listed = [index for split in splits.values() for each, index in split if each == folder]
        write_coco(sources, world, folder, listed)
    for file_split, chosen in splits.items():
        write_list(sources, file_split, chosen)
    lines = [
        line for chosen in splits.values() for photo in chosen for line in lines_of(world, *photo)
    ]
    write_lines(sources, f"{ARCHIVE}/{WRITTEN}", lines)


def photos(first: int, count: int) -> list[tuple[str, int]]:
    """Return folder and index of ``count`` images of each COCO folder."""
    return [
        (folder, index)
        for index in range(first, first + count)
        for folder in ("train2014", "val2014")
    ]


def stem(folder: str, index: int) -> str:
    """Return the file name of an image without extension."""
    return f"COCO_{folder}_{coco_number(folder, index):012d}"


def lines_of(world: World, folder: str, index: int) -> list[str]:
    """Return the lines of one image: two sentences for every third, one for the others."""
    texts = sentences(world, coco_number(folder, index))[2 : 3 if index % 3 else 4]
    return [f"{stem(folder, index)}#{n}\t{text}" for n, text in enumerate(texts)]


def write_list(sources: Path, file_split: str, chosen: list[tuple[str, int]]) -> None:
    """Write the list of one split."""
    write_lines(sources, f"{ARCHIVE}/coco-cn_{file_split}.txt", [stem(*photo) for photo in chosen])


def write_lines(sources: Path, name: str, lines: list[str]) -> None:
    """Write one text file."""
    write_bytes(sources / name, "".join(f"{line}\n" for line in lines).encode())
