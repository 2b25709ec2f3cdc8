"""A task for tests: rows with 0 to 3 images of every codec, and difficult texts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from PIL import Image as PILImage

from m3it_builder import Record, Reject, Source, Turn
from m3it_builder.cards.cards import ImageCount, SourceCard, SourceFile, SplitCard, TaskCard
from m3it_builder.cards.instructions import plain
from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import World, paint
from m3it_builder.tasks.registry import Task

CODECS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# The first five rows have one image, so that a loader that infers the schema from them fails.
COUNTS = (1, 1, 1, 1, 1, 3, 0, 3, 1, 0, 2, 3)
TEXTS = ("plain", "日本語 и é", 'quotes " \\ and \n a line', "  blanks  ", "<img> & {braces}", "😀")


def image_name(row: int, index: int) -> str:
    return f"mixed-files/{row}-{index}.jpg"  # of any codec: the content decides


def convert(source: Source) -> Iterator[Record | Reject]:
    first = 0 if source.split == "train" else 1_000
    for row, count in enumerate(COUNTS):
        yield Record(
            id=f"row.{row}/{source.split}",  # dots and slashes are not allowed in a tar key
            turns=(Turn(f"{TEXTS[row % len(TEXTS)]} {source.split} {row}", f"answer {row}"),),
            images=tuple(source.image(image_name(first + row, index)) for index in range(count)),
            meta={"row": row, "nested": {"list": [1, None, "x"]}},
        )


def write(world: World, sources: Path, count: int) -> None:
    for first in (0, 1_000):
        for row, images in enumerate(COUNTS):
            for index in range(images):
                number = first + row * 10 + index
                buffer = io.BytesIO()
                image: PILImage.Image = paint(world.scene(number))
                image.save(buffer, CODECS[(row + index) % len(CODECS)])
                write_bytes(sources / image_name(first + row, index), buffer.getvalue())


TASK = Task(
    name="mixed",
    card=TaskCard(
        name="mixed",
        title="Mixed",
        group="vqa",
        lang="en",
        homepage="https://example.org",
        citation="None 2026",
        license="CC0-1.0",
        image_license="CC0-1.0",
        sources={"mixed-files": "all"},
        splits={"train": SplitCard(rows=len(COUNTS)), "test": SplitCard(rows=len(COUNTS))},
        images=ImageCount(min=0, max=3),
    ),
    instructions=plain(f"Instruction number {n}." for n in range(10)),
    convert=convert,
    sample=write,
    sources={
        "mixed-files": SourceCard(
            name="mixed-files",
            title="Mixed",
            license="CC0-1.0",
            files=(SourceFile(file="all.zip", manual="none"),),
        )
    },
)
