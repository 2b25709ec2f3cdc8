"""Generate docs/drawing/: one image for each hard case of drawing regions.

The images are made by the same ``draw`` that builds use, on synthetic scenes with known
boxes. ``tests/media/test_gallery.py`` checks that they are up to date.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from m3it_builder.formats.regions import COLORS, colored
from m3it_builder.media.images import draw
from m3it_builder.records import Box, Region
from m3it_builder.samples.world import Scene, Thing, paint

TARGET = Path(__file__).parent / "drawing"
SIZE = (480, 320)
_GRAY = (232, 238, 244)


@dataclass(frozen=True, slots=True)
class Case:
    """One source image and its annotated boxes."""

    name: str
    shows: str
    data: bytes
    regions: tuple[Region, ...]
    size: tuple[int, int] | None = None  # of the annotation's frame

    def drawn(self) -> Image.Image:
        """Return the image as it is published."""
        image = draw(self.data, self.regions, self.size, None)
        return Image.open(io.BytesIO(image.data)).convert("RGB")


def cases() -> Iterator[Case]:
    """Yield every case of the gallery."""
    width, height = SIZE
    corners = [(0, 0, 70, 70), (410, 0, 480, 70), (0, 250, 70, 320), (410, 250, 480, 320)]
    yield Case("edges", "a box at the border stays complete: the line is drawn inside",
               jpeg(scene(corners)), colored(corners))  # fmt: skip
    beyond = [(-40, 100, 120, 220), (360, -30, 560, 90), (200, 240, 330, 400)]
    yield Case("beyond", "a box that extends beyond the image is clipped to it",
               jpeg(scene(beyond)), colored(beyond))  # fmt: skip
    tiny = [(60, 60, 61, 61), (160, 60, 164, 64), (260, 60, 270, 70), (360, 60, 384, 84)]
    yield Case("tiny", "the line is drawn around the box, so even a single pixel stays visible",
               jpeg(scene(tiny)), colored(tiny))  # fmt: skip
    over = [(60, 60, 260, 260), (160, 100, 400, 300), (200, 140, 240, 180)]
    yield Case("overlapping", "later boxes are drawn on top of earlier ones",
               jpeg(scene(over)), colored(over))  # fmt: skip
    yield from exif_cases()
    pair = [(60, 60, 200, 200), (280, 120, 420, 260)]
    yield Case("cmyk", "a CMYK JPEG is converted first, so that red is red",
               jpeg(scene(pair).convert("CMYK")), colored(pair))  # fmt: skip
    yield Case("grey", "a grayscale image is converted first, so that red is red",
               jpeg(scene(pair).convert("L")), colored(pair))  # fmt: skip
    deep = scene(pair).convert("L").convert("I").point(lambda level: level * 257)
    yield Case("sixteen-bits", "16 bits are scaled to 8, not clipped",
               png(deep.convert("I;16")), colored(pair))  # fmt: skip
    palette = scene(pair).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    yield Case("palette", "colors outside the palette can be drawn",
               png(palette), colored(pair))  # fmt: skip
    clear = scene(pair).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(SIZE))
    yield Case("transparent", "transparent pixels become white",
               png(clear), colored(pair))  # fmt: skip
    half = [(x0 / 2, y0 / 2, x1 / 2, y1 / 2) for x0, y0, x1, y1 in pair]
    yield Case("other-size", "boxes annotated on a smaller copy are scaled up",
               jpeg(scene(pair)), colored(half), (width // 2, height // 2))  # fmt: skip
    ten = [(20 + n % 5 * 90, 40 + n // 5 * 130, 90 + n % 5 * 90, 140 + n // 5 * 130)
           for n in range(10)]  # fmt: skip
    yield Case("colors", "the ten colors in the order of the boxes",
               jpeg(scene([])), colored(ten, COLORS))  # fmt: skip


def exif_cases() -> Iterator[Case]:
    """Yield a portrait photo, annotated after and before EXIF transposition."""
    upright = [(40, 80, 180, 220), (200, 300, 300, 400)]
    image = scene(upright, (320, 480))
    stored = image.transpose(Image.Transpose.ROTATE_90)  # orientation 6 rotates it back
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(stored, exif=exif)
    yield Case("exif-displayed", "boxes annotated on the EXIF-transposed image",
               data, colored(upright), image.size)  # fmt: skip
    rotated = [(y0, 320 - x1, y1, 320 - x0) for x0, y0, x1, y1 in upright]
    yield Case("exif-stored", "boxes annotated on the stored image, before EXIF transposition",
               data, colored(rotated), stored.size)  # fmt: skip


def scene(boxes: list[Box], size: tuple[int, int] = SIZE) -> Image.Image:
    """Return an image with a star in each box."""
    things = tuple(Thing("star", "purple", box, 0, 0) for box in boxes)
    return paint(Scene(0, *size, _GRAY, things))


def jpeg(image: Image.Image, **options: object) -> bytes:
    """Return an image as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    """Return an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def main() -> None:
    """Write every image of the gallery."""
    TARGET.mkdir(exist_ok=True)
    for case in cases():
        case.drawn().save(TARGET / f"{case.name}.png", optimize=True)


if __name__ == "__main__":
    main()
