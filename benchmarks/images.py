"""Images and rows for the benchmarks of phase B: JPEG files of 124 KB, a typical size in COCO."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image, ImageFilter

from m3it_builder import Record, Source, Turn
from m3it_builder.cards.cards import ImageCount, SourceCard, SourceFile, SplitCard, TaskCard
from m3it_builder.cards.instructions import plain
from m3it_builder.records import Region
from m3it_builder.tasks.registry import Task

BYTES = 124_000
_MOTIFS = 24
PIXELS = 640, 480
TINY_PIXELS = 16, 12  # some 700 bytes, most of them tables


def write_images(
    folder: Path, count: int, size: int = BYTES, pixels: tuple[int, int] = PIXELS
) -> None:
    """Write distinct JPEG files of at most ``size`` bytes; pixels repeat, bytes do not."""
    folder.mkdir(parents=True)
    motifs = [_motif(number, size, pixels) for number in range(_MOTIFS)]
    for number in range(count):
        data = motifs[number % _MOTIFS]
        text = b"image %08d" % number
        comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2) + text
        (folder / f"{number:08d}.jpg").write_bytes(data[:2] + comment + data[2:])


def _motif(number: int, max_bytes: int, pixels: tuple[int, int]) -> bytes:
    """Return smooth noise, which compresses about as well as a photograph."""
    rng = random.Random(number)  # noqa: S311 - not for secrets
    coarse = Image.frombytes("RGB", (80, 60), rng.randbytes(80 * 60 * 3))
    fine = Image.frombytes("RGB", pixels, rng.randbytes(pixels[0] * pixels[1] * 3))
    image = Image.blend(
        coarse.resize(pixels, Image.Resampling.BICUBIC), fine.filter(ImageFilter.BoxBlur(1)), 0.35
    )
    for quality in range(95, 0, -1):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= max_bytes:
            break
    return buffer.getvalue()


def flat(number: int) -> str:
    """Return the path of an image in its source."""
    return f"{number:08d}.jpg"


def task(count: int, boxes: int = 0, path_of: Callable[[int], str] = flat) -> Task:
    """Return a task with one row per image, and a number of boxes drawn on each."""

    def convert(source: Source) -> Iterator[Record]:
        for number in range(count):
            regions = tuple(
                Region((40.0 + 90 * n, 60.0 + 70 * n, 180.0 + 90 * n, 190.0 + 70 * n), "red")
                for n in range(boxes)
            )
            yield Record(
                id=f"{number:08d}",
                turns=(Turn(f"What is to be seen in image {number}?", f"thing {number}"),),
                images=(source.image(f"bench-images/{path_of(number)}"),),
                regions=regions,
                meta={"image_id": number},
            )

    return Task(
        name="bench",
        card=TaskCard(
            name="bench",
            title="Benchmark",
            group="vqa",
            lang="en",
            homepage="https://example.org",
            citation="None 2026",
            license="CC0-1.0",
            image_license="CC0-1.0",
            sources={"bench-images": "all"},
            images=ImageCount(min=1, max=1),
            splits={"train": SplitCard(rows=count)},
        ),
        instructions=plain(("Answer the question about the image.", "Look, and answer.")),
        convert=convert,
        sample=lambda *_: None,
        sources={
            "bench-images": SourceCard(
                name="bench-images",
                title="Images",
                license="CC0-1.0",
                files=(SourceFile(file="images.zip", manual="drawn", accept=("images.tar",)),),
            )
        },
    )
