"""MMChat's layout: dialogs about the number of shapes in synthetic images."""

from __future__ import annotations

import gzip
from hashlib import sha256
from pathlib import Path

from m3it_builder.samples.chinese import NUMBERS
from m3it_builder.samples.files import write_bytes, write_scene
from m3it_builder.samples.questions import ask
from m3it_builder.samples.world import World
from m3it_builder.storage.json_values import dumps

FIRST = {"train": 24_000_000, "dev": 25_000_000, "test": 26_000_000}
Example = tuple[list[str], list[str], str]  # utterances, addresses of images, text of the post


def write(world: World, sources: Path, count: int) -> None:
    """Write ``count`` dialogs per split, with one to three images each."""
    for file_split, first in FIRST.items():
        examples = []
        for index in range(count):
            numbers = range(first + 3 * index, first + 3 * index + 1 + index % 3)
            for number in numbers:
                write_image(world, sources, number)
            examples.append(example(world, numbers))
        write_files(sources, file_split, examples)


def url(number: int) -> str:
    """Return the address of an image."""
    return f"https://wx1.sinaimg.cn/mw2048/{number:x}.jpg"


def file_name(address: str, ending: str = "jpg") -> str:
    """Return the name of a downloaded image."""
    return f"{sha256(address.encode()).hexdigest()}.{ending}"


def write_image(world: World, sources: Path, number: int) -> None:
    """Write one image as the authors' script saves it."""
    path = sources / "mmchat-images" / "image" / file_name(url(number))
    write_scene(path, world, number)


def example(world: World, numbers: range) -> Example:
    """Return a dialog of two to four utterances about the first of some images."""
    scene = world.scene(numbers[0])
    answer = ask(scene, "count", world.rng(f"mmchat/{numbers[0]}")).answer
    question = "第一张图里一共有几个图形呀？"
    opening = (["刚画好的，看看", "画得真不错"], ["随手画的几张图"], [])[numbers[0] % 3]
    texts = [*opening, question, f"{NUMBERS[int(answer)]}个"]
    return texts, [url(number) for number in numbers], "分享图片"


def write_files(sources: Path, file_split: str, examples: list[Example]) -> None:
    """Write the three files of one split."""
    dialogs, urls, posts = zip(*examples, strict=True)
    write_lines(sources, f"dialog_{file_split}", list(map(dumps, dialogs)))
    write_lines(sources, f"img_url_{file_split}", [";".join(each).encode() for each in urls])
    write_lines(sources, f"weibo_{file_split}", list(map(dumps, posts)))


def write_lines(sources: Path, name: str, lines: list[bytes]) -> None:
    """Write one compressed file."""
    data = gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)
    write_bytes(sources / "mmchat-annotations" / f"{name}.jsonl.gz", data)
