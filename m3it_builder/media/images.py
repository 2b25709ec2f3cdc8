"""Regions of interest, drawn on the image as colored rectangles.

As in the paper (section 3.2), a region is shown rather than told: encoders
resize images, so coordinates lose their meaning, while a red rectangle
stays. Only images that carry a region are ever decoded; all others keep
their original bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from PIL import Image as PILImage
from PIL import ImageDraw
from PIL.JpegImagePlugin import get_sampling

from m3it_builder.media.probe import BadImage, Probe, probe
from m3it_builder.records import Box, Region

Frame = Literal["stored", "displayed"]
_ACCEPTED = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
_ORIENTATION = 0x0112
_RGB_MODES = ("RGB", "RGBA", "P", "PA")  # of which a profile describes RGB colors
_FRESH = {"quality": 95, "subsampling": 0}  # where there is nothing to keep to
_BASELINE = 255  # the largest step of a quantization table that every decoder reads
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, PILImage.DecompressionBombError)

COLORS = {
    "red": (255, 0, 0),
    "green": (0, 200, 0),
    "blue": (0, 80, 255),
    "yellow": (255, 220, 0),
    "magenta": (255, 0, 255),
    "cyan": (0, 220, 220),
    "orange": (255, 140, 0),
    "purple": (140, 0, 200),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image with its regions drawn on, orientation baked in."""

    data: bytes
    mime: str
    width: int
    height: int


def draw(
    data: bytes, regions: Sequence[Region], size: tuple[int, int] | None, frame: Frame | None
) -> Drawn:
    """Draw every region and encode the image anew: JPEG as JPEG, all else as PNG.

    A JPEG keeps its own quantization tables and sampling: what lies outside the
    lines comes back all but unchanged, at the size it had (see
    ``docs/decisions/0009-drawn-images-keep-their-tables.md``).

    Args:
        data: the encoded image.
        regions: boxes in pixels of the annotation's frame; later ones lie on top.
        size: width and height of that frame, where the annotation tells.
        frame: which frame is meant where the size fits both.

    Raises:
        BadImage: ``image_undecodable``, or ``size_mismatch`` where the boxes
            cannot belong to this image.
    """
    image, orientation, is_jpeg = _open(data)
    chosen, scale = _fit(image.size, orientation, size, frame)
    profile = image.info.get("icc_profile") if image.mode in _RGB_MODES else None
    how = _as_it_was(image) if is_jpeg else None
    canvas = to_rgb(image)
    if chosen == "displayed":
        canvas = _turn(canvas, orientation)
    halved = how is not None and how["subsampling"] != 0
    for region in regions:
        _rectangle(canvas, region, scale, grid=2 if halved else 1)
    if chosen == "stored":
        canvas = _turn(canvas, orientation)
    try:
        encoded = _encode(canvas, how, profile)
    except (OSError, ValueError) as error:
        raise BadImage("image_undecodable", f"cannot be encoded: {error}"[:200]) from error
    mime = "image/jpeg" if is_jpeg else "image/png"
    return Drawn(encoded, mime, canvas.width, canvas.height)


def exif_transposed_regions(
    data: bytes, regions: Sequence[Region], size: tuple[int, int] | None, frame: Frame | None
) -> tuple[Region, ...]:
    """Return regions in pixels of the image as people see it, turned by its EXIF tag.

    Arguments and errors are those of ``draw``; nothing is drawn.
    """
    try:
        with PILImage.open(io.BytesIO(data)) as image:
            stored = image.size
            tag = image.getexif().get(_ORIENTATION, 1)
    except _UNREADABLE as error:
        raise BadImage("image_undecodable", str(error)[:200]) from error
    orientation = tag if tag in range(1, 9) else 1
    chosen, scale = _fit(stored, orientation, size, frame)
    turned = orientation if chosen == "stored" else 1
    return tuple(replace(r, box=_turned(_scaled(r.box, scale), turned, stored)) for r in regions)


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    return box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1]


def _turned(box: Box, orientation: int, stored: tuple[int, int]) -> Box:
    """Return where a box of the stored image lies once that is turned."""
    width, height = stored
    x0, y0, x1, y1 = box
    if orientation in (2, 3, 6, 7):
        across = (height - y1, height - y0) if orientation >= 5 else (width - x1, width - x0)
    else:
        across = (y0, y1) if orientation >= 5 else (x0, x1)
    if orientation in (3, 4, 7, 8):
        down = (width - x1, width - x0) if orientation >= 5 else (height - y1, height - y0)
    else:
        down = (x0, x1) if orientation >= 5 else (y0, y1)
    return across[0], down[0], across[1], down[1]


def require_decodable(data: bytes) -> None:
    """Decode an image to the last pixel.

    Raises:
        BadImage: ``image_undecodable``.
    """
    _open(data)


def measured(data: bytes) -> Probe | None:
    """Decode an image whose structure is odd; None if it does not decode to the last pixel."""
    try:
        with PILImage.open(io.BytesIO(data), formats=_ACCEPTED) as image:
            image.load()
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            return Probe(PILImage.MIME[kind], *image.size)
    except _UNREADABLE:
        return None


def to_rgb(image: PILImage.Image) -> PILImage.Image:
    """Return the image as 8-bit RGB, itself if it is that; transparent parts become white."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _eight_bits(image)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        over = image.convert("RGBA")
        white = PILImage.new("RGBA", over.size, "white")
        return PILImage.alpha_composite(white, over).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image


def line_width(width: int, height: int) -> int:
    """Return the thickness of a drawn line in pixels: a two-hundredth of the longer side.

    It then stays visible when an encoder shrinks the image to 224 pixels.
    """
    return max(2, round(max(width, height) / 200))


def _open(data: bytes) -> tuple[PILImage.Image, int, bool]:
    try:
        with PILImage.open(io.BytesIO(data)) as image:
            image.load()
            orientation = image.getexif().get(_ORIENTATION, 1)
            is_jpeg = image.format in ("JPEG", "MPO")
            return image, orientation if orientation in range(1, 9) else 1, is_jpeg
    except _UNREADABLE as error:
        raise BadImage("image_undecodable", str(error)[:200]) from error


def _fit(
    stored: tuple[int, int], orientation: int, size: tuple[int, int] | None, frame: Frame | None
) -> tuple[Frame, tuple[float, float]]:
    """Return the frame the boxes are in, and the factors from annotation to pixels."""
    displayed = stored[::-1] if orientation >= 5 else stored
    preferred: Frame = frame or "stored"
    if size is None:
        return preferred, (1.0, 1.0)
    other: Frame = "displayed" if preferred == "stored" else "stored"
    sizes: dict[Frame, tuple[int, int]] = {"stored": stored, "displayed": displayed}
    for name in (preferred, other):
        if sizes[name] == size:
            return name, (1.0, 1.0)
    for name in (preferred, other):
        width, height = sizes[name]
        scale = width / size[0], height / size[1]
        if abs(size[1] * scale[0] - height) <= 1 or abs(size[0] * scale[1] - width) <= 1:
            return name, scale
    raise BadImage("size_mismatch", f"annotated {size[0]}x{size[1]}, is {stored[0]}x{stored[1]}")


def _rectangle(
    canvas: PILImage.Image, region: Region, scale: tuple[float, float], grid: int
) -> None:
    """Draw one box around its region, outside of it where the image leaves room.

    Where colors are stored at half the size (``grid`` 2), lines begin and end
    on even pixels, or they would share their color with their neighbours.
    """
    line = -(-line_width(*canvas.size) // grid) * grid
    x0, y0, x1, y1 = _pixels(region.box, scale, canvas.size)
    right, bottom = canvas.width - 1, canvas.height - 1
    start = (max(0, (x0 - line) // grid * grid), max(0, (y0 - line) // grid * grid))
    end = (-(-(x1 + 1 + line) // grid) * grid - 1, -(-(y1 + 1 + line) // grid) * grid - 1)
    outer = (*start, min(right, end[0]), min(bottom, end[1]))
    ImageDraw.Draw(canvas).rectangle(outer, outline=COLORS[region.color], width=line)


def _pixels(box: Box, scale: tuple[float, float], size: tuple[int, int]) -> tuple[int, ...]:
    """Return the first and last pixel columns and rows inside a box, within the image."""
    x0, y0, x1, y1 = _scaled(box, scale)
    left = min(max(math.floor(x0), 0), size[0] - 1)
    top = min(max(math.floor(y0), 0), size[1] - 1)
    right = min(max(math.ceil(x1) - 1, left), size[0] - 1)
    bottom = min(max(math.ceil(y1) - 1, top), size[1] - 1)
    return left, top, right, bottom


def _turn(image: PILImage.Image, orientation: int) -> PILImage.Image:
    method = {
        2: PILImage.Transpose.FLIP_LEFT_RIGHT,
        3: PILImage.Transpose.ROTATE_180,
        4: PILImage.Transpose.FLIP_TOP_BOTTOM,
        5: PILImage.Transpose.TRANSPOSE,
        6: PILImage.Transpose.ROTATE_270,
        7: PILImage.Transpose.TRANSVERSE,
        8: PILImage.Transpose.ROTATE_90,
    }.get(orientation)
    return image.transpose(method) if method is not None else image


def _eight_bits(image: PILImage.Image) -> PILImage.Image:
    _, top = cast(tuple[float, float], image.getextrema())
    limit = 1.0 if image.mode == "F" and top <= 1.0 else 255.0 if top <= 255 else 65_535.0
    factor = 255.0 / limit
    return image.convert("F").point(lambda value: value * factor + 0.5).convert("L")


def _as_it_was(image: PILImage.Image) -> dict[str, Any]:
    """Return the settings that encode a color JPEG as it was encoded before."""
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    is_rgb = image.info.get("adobe_transform") == 0 or bytes(one[0] for one in layers) == b"RGB"
    if image.mode != "RGB" or len(layers) != 3 or is_rgb:
        return _FRESH
    found: dict[int, list[int]] = getattr(image, "quantization", {})
    tables = [found.get(layer[3], []) for layer in layers]  # of Y, Cb, Cr, wherever they stand
    if not all(len(table) == 64 and max(table) <= _BASELINE for table in tables):
        return _FRESH
    kept = tables[:2] if tables[1] == tables[2] else tables
    return {"qtables": kept, "subsampling": max(0, get_sampling(image))}


def _encode(image: PILImage.Image, how: dict[str, Any] | None, profile: bytes | None) -> bytes:
    buffer = io.BytesIO()
    if how is not None:
        image.save(buffer, "JPEG", icc_profile=profile, **how)
    else:
        image.save(buffer, "PNG", compress_level=1, icc_profile=profile)
    return buffer.getvalue()


def displayed(data: bytes) -> PILImage.Image:
    """Return an image as people see it: turned by its EXIF tag, in RGB."""
    image, orientation, _ = _open(data)
    return _turn(to_rgb(image), orientation)


__all__ = [
    "COLORS",
    "BadImage",
    "Drawn",
    "displayed",
    "draw",
    "line_width",
    "probe",
    "require_decodable",
]
