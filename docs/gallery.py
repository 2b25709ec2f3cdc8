"""Draw docs/drawing/: one image for each hard case of drawing regions.

The images are made by the same ``draw`` that builds use, on drawn scenes
whose boxes are known. ``tests/media/test_gallery.py`` sees that they stay so.
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
_GREY = (232, 238, 244)


@dataclass(frozen=True, slots=True)
class Case:
    """One image as it comes, and the boxes its annotations give."""

    name: str
    shows: str
    data: bytes
    regions: tuple[Region, ...]
    size: tuple[int, int] | None = None  # of the annotation's frame

    def drawn(self) -> Image.Image:
        """Return the image as it is published."""
        done = draw(self.data, self.regions, self.size, None)
        return Image.open(io.BytesIO(done.data)).convert("RGB")


def cases() -> Iterator[Case]:
    """Yield every case of the gallery."""
    width, height = SIZE
    corners = [(0, 0, 70, 70), (410, 0, 480, 70), (0, 250, 70, 320), (410, 250, 480, 320)]
    yield Case("edges", "boxes that touch the border stay whole: the line moves inside",
               jpeg(scene(corners)), colored(corners))  # fmt: skip
    beyond = [(-40, 100, 120, 220), (360, -30, 560, 90), (200, 240, 330, 400)]
    yield Case("beyond", "boxes that reach beyond the image end at its border",
               jpeg(scene(beyond)), colored(beyond))  # fmt: skip
    tiny = [(60, 60, 61, 61), (160, 60, 164, 64), (260, 60, 270, 70), (360, 60, 384, 84)]
    yield Case("tiny", "the line lies around a box, so that even one pixel can be seen",
               jpeg(scene(tiny)), colored(tiny))  # fmt: skip
    over = [(60, 60, 260, 260), (160, 100, 400, 300), (200, 140, 240, 180)]
    yield Case("overlapping", "later boxes lie on top of earlier ones",
               jpeg(scene(over)), colored(over))  # fmt: skip
    yield from turned()
    pair = [(60, 60, 200, 200), (280, 120, 420, 260)]
    yield Case("cmyk", "a CMYK JPEG is converted first, so that red is red",
               jpeg(scene(pair).convert("CMYK")), colored(pair))  # fmt: skip
    yield Case("grey", "a greyscale image gets colors, so that red is red",
               jpeg(scene(pair).convert("L")), colored(pair))  # fmt: skip
    deep = scene(pair).convert("L").convert("I").point(lambda level: level * 257)
    yield Case("sixteen-bits", "sixteen bits are scaled down to eight, not cut off",
               png(deep.convert("I;16")), colored(pair))  # fmt: skip
    palette = scene(pair).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    yield Case("palette", "colors that are not in the palette can be drawn",
               png(palette), colored(pair))  # fmt: skip
    clear = scene(pair).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(SIZE))
    yield Case("transparent", "transparent parts become white",
               png(clear), colored(pair))  # fmt: skip
    half = [(x0 / 2, y0 / 2, x1 / 2, y1 / 2) for x0, y0, x1, y1 in pair]
    yield Case("other-size", "boxes given for a smaller copy are scaled up",
               jpeg(scene(pair)), colored(half), (width // 2, height // 2))  # fmt: skip
    ten = [(20 + n % 5 * 90, 40 + n // 5 * 130, 90 + n % 5 * 90, 140 + n // 5 * 130)
           for n in range(10)]  # fmt: skip
    yield Case("colors", "ten colors, in the order in which boxes get them",
               jpeg(scene([])), colored(ten, COLORS))  # fmt: skip


def turned() -> Iterator[Case]:
    """Yield a photo held upright, annotated before and after players turn it."""
    upright = [(40, 80, 180, 220), (200, 300, 300, 400)]
    image = scene(upright, (320, 480))
    stored = image.transpose(Image.Transpose.ROTATE_90)  # orientation 6 turns it back
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(stored, exif=exif)
    yield Case("exif-displayed", "boxes measured on the photo as people see it",
               data, colored(upright), image.size)  # fmt: skip
    lying = [(y0, 320 - x1, y1, 320 - x0) for x0, y0, x1, y1 in upright]
    yield Case("exif-stored", "boxes measured on the bytes, before the EXIF tag turns them",
               data, colored(lying), stored.size)  # fmt: skip


def scene(boxes: list[Box], size: tuple[int, int] = SIZE) -> Image.Image:
    """Return an image with a star in each box."""
    things = tuple(Thing("star", "purple", box, 0, 0) for box in boxes)
    return paint(Scene(0, *size, _GREY, things))


def jpeg(image: Image.Image, **more: object) -> bytes:
    """Return an image as JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **more)
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
