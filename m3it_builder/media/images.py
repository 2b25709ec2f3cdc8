"""Regions drawn on an image as colored rectangles, and decoding.

As in the paper (section 3.2), a region is drawn instead of described by coordinates:
encoders resize images, so coordinates lose their meaning, while a red rectangle stays.
Only images with a region are decoded and encoded again; all others keep their original
bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from msgspec.structs import replace
from PIL import Image as PILImage
from PIL import ImageDraw
from PIL.JpegImagePlugin import get_sampling

from m3it_builder.media.decoding import MAX_PIXELS, exif_orientation, opened
from m3it_builder.media.probe import BadImage, ImageHeader
from m3it_builder.records import Box, Region

AnnotationFrame = Literal["stored", "displayed"]  # displayed: EXIF-transposed
_RGB_MODES = ("RGB", "RGBA", "P", "PA")  # where a color profile describes RGB
_DEFAULT_JPEG = {"quality": 95, "subsampling": 0}  # where no source settings can be kept
_MAX_BASELINE_STEP = 255  # of a quantization table; larger steps need an extended decoder
_MAX_SALVAGED_PIXELS = MAX_PIXELS // 2  # of a malformed image

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
class DrawnImage:
    """An EXIF-transposed image with its regions drawn on."""

    data: bytes
    mime: str
    width: int
    height: int


def draw(
    data: bytes,
    regions: Sequence[Region],
    size: tuple[int, int] | None,
    frame: AnnotationFrame | None,
    max_pixels: int = MAX_PIXELS,
) -> DrawnImage:
    """Draw every region and encode the image again: JPEG as JPEG, all else as PNG.

    A JPEG keeps its quantization tables and chroma subsampling, so that pixels off the
    lines stay almost unchanged and the file keeps its size (see
    ``docs/decisions/0009-drawn-images-keep-their-tables.md``).

    Args:
        data: the encoded image.
        regions: boxes in pixels of the annotation's frame; later ones are drawn on top.
        size: width and height of that frame, where the annotation gives them.
        frame: the annotation's frame where the size fits both.
        max_pixels: limit of the decoded image.

    Raises:
        BadImage: ``image_undecodable``, ``image_oversized``, ``image_timeout``, or
            ``size_mismatch`` where the boxes cannot belong to this image.
    """
    image, orientation, is_jpeg = _decode(data, max_pixels)
    resolved, scale = _resolve_frame(image.size, orientation, size, frame)
    profile = image.info.get("icc_profile") if image.mode in _RGB_MODES else None
    jpeg_settings = _jpeg_settings(image) if is_jpeg else None
    canvas = to_rgb(image)
    if resolved == "displayed":
        canvas = _exif_transpose(canvas, orientation)
    has_subsampling = jpeg_settings is not None and jpeg_settings["subsampling"] != 0
    for region in regions:
        _draw_rectangle(canvas, region, scale, grid=2 if has_subsampling else 1)
    if resolved == "stored":
        canvas = _exif_transpose(canvas, orientation)
    try:
        encoded = _encode(canvas, jpeg_settings, profile)
    except (OSError, ValueError) as error:
        raise BadImage("image_undecodable", f"cannot be encoded: {error}"[:200]) from error
    mime = "image/jpeg" if is_jpeg else "image/png"
    return DrawnImage(encoded, mime, canvas.width, canvas.height)


def exif_transposed_regions(
    data: bytes,
    regions: Sequence[Region],
    size: tuple[int, int] | None,
    frame: AnnotationFrame | None,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Region, ...]:
    """Return regions in pixels of the EXIF-transposed image.

    Arguments and errors are those of ``draw``; nothing is drawn.
    """
    with opened(data, max_pixels) as image:
        stored = image.size
        orientation = exif_orientation(image)
    resolved, scale = _resolve_frame(stored, orientation, size, frame)
    remaining = orientation if resolved == "stored" else 1
    return tuple(
        replace(region, box=_exif_transposed_box(_scaled(region.box, scale), remaining, stored))
        for region in regions
    )


def exif_transposed(data: bytes) -> PILImage.Image:
    """Return the EXIF-transposed image in RGB; errors are those of ``require_decodable``."""
    image, orientation, _ = _decode(data, MAX_PIXELS)
    return _exif_transpose(to_rgb(image), orientation)


def require_decodable(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Decode an image completely.

    Raises:
        BadImage: ``image_undecodable``, ``image_oversized`` or ``image_timeout``.
    """
    _decode(data, max_pixels)


def decoded_header(data: bytes) -> ImageHeader | None:
    """Return the header of a malformed image by decoding it; None if it does not decode.

    Raises:
        BadImage: ``image_oversized`` or ``image_timeout``.
    """
    try:
        with opened(data, _MAX_SALVAGED_PIXELS) as image:
            image.load()
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            return ImageHeader(PILImage.MIME[kind], *image.size)
    except BadImage as bad:
        if bad.reason == "image_undecodable":
            return None
        raise


def to_rgb(image: PILImage.Image) -> PILImage.Image:
    """Return the image as 8-bit RGB, transparency on white; an RGB image is returned as it is."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _to_eight_bits(image)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = PILImage.new("RGBA", rgba.size, "white")
        return PILImage.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB") if image.mode != "RGB" else image


def line_width(width: int, height: int) -> int:
    """Return the line width in pixels for an image size: 1/200 of the longer side.

    The line then stays visible when an encoder shrinks the image to 224 pixels.
    """
    return max(2, round(max(width, height) / 200))


def _decode(data: bytes, max_pixels: int) -> tuple[PILImage.Image, int, bool]:
    """Return the decoded image, its EXIF orientation, and whether it is a JPEG."""
    with opened(data, max_pixels) as image:
        image.load()
        return image, exif_orientation(image), image.format in ("JPEG", "MPO")


def _resolve_frame(
    stored: tuple[int, int],
    orientation: int,
    size: tuple[int, int] | None,
    frame: AnnotationFrame | None,
) -> tuple[AnnotationFrame, tuple[float, float]]:
    """Return the frame of the boxes, and the factors from annotation units to pixels."""
    transposed = stored[::-1] if orientation >= 5 else stored
    preferred: AnnotationFrame = frame or "stored"
    if size is None:
        return preferred, (1.0, 1.0)
    other: AnnotationFrame = "displayed" if preferred == "stored" else "stored"
    sizes: dict[AnnotationFrame, tuple[int, int]] = {"stored": stored, "displayed": transposed}
    for candidate in (preferred, other):
        if sizes[candidate] == size:
            return candidate, (1.0, 1.0)
    for candidate in (preferred, other):
        width, height = sizes[candidate]
        scale = width / size[0], height / size[1]
        if abs(size[1] * scale[0] - height) <= 1 or abs(size[0] * scale[1] - width) <= 1:
            return candidate, scale
    raise BadImage("size_mismatch", f"annotated {size[0]}x{size[1]}, is {stored[0]}x{stored[1]}")


def _draw_rectangle(
    canvas: PILImage.Image, region: Region, scale: tuple[float, float], grid: int
) -> None:
    """Draw one box around its region, outside of it where the image has room.

    With chroma subsampling (``grid`` 2), lines start and end on even pixels; otherwise
    they would share chroma samples with neighboring pixels and fade.
    """
    width = -(-line_width(*canvas.size) // grid) * grid
    x0, y0, x1, y1 = _pixel_box(region.box, scale, canvas.size)
    right, bottom = canvas.width - 1, canvas.height - 1
    start = (max(0, (x0 - width) // grid * grid), max(0, (y0 - width) // grid * grid))
    end = (-(-(x1 + 1 + width) // grid) * grid - 1, -(-(y1 + 1 + width) // grid) * grid - 1)
    outer = (*start, min(right, end[0]), min(bottom, end[1]))
    ImageDraw.Draw(canvas).rectangle(outer, outline=COLORS[region.color], width=width)


def _pixel_box(box: Box, scale: tuple[float, float], size: tuple[int, int]) -> tuple[int, ...]:
    """Return the first and last pixel columns and rows inside a box, clipped to the image."""
    x0, y0, x1, y1 = _scaled(box, scale)
    left = min(max(math.floor(x0), 0), size[0] - 1)
    top = min(max(math.floor(y0), 0), size[1] - 1)
    right = min(max(math.ceil(x1) - 1, left), size[0] - 1)
    bottom = min(max(math.ceil(y1) - 1, top), size[1] - 1)
    return left, top, right, bottom


def _scaled(box: Box, scale: tuple[float, float]) -> Box:
    return box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1]


def _exif_transpose(image: PILImage.Image, orientation: int) -> PILImage.Image:
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


def _exif_transposed_box(box: Box, orientation: int, stored: tuple[int, int]) -> Box:
    """Return a box of the stored image in pixels of the EXIF-transposed image."""
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


def _to_eight_bits(image: PILImage.Image) -> PILImage.Image:
    _, top = cast(tuple[float, float], image.getextrema())
    limit = 1.0 if image.mode == "F" and top <= 1.0 else 255.0 if top <= 255 else 65_535.0
    factor = 255.0 / limit
    return image.convert("F").point(lambda value: value * factor + 0.5).convert("L")


def _jpeg_settings(image: PILImage.Image) -> dict[str, Any]:
    """Return the settings that encode a color JPEG with its own tables and subsampling."""
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    is_rgb = image.info.get("adobe_transform") == 0 or bytes(one[0] for one in layers) == b"RGB"
    if image.mode != "RGB" or len(layers) != 3 or is_rgb:
        return _DEFAULT_JPEG
    by_number: dict[int, list[int]] = getattr(image, "quantization", {})
    tables = [by_number.get(layer[3], []) for layer in layers]  # of Y, Cb, Cr
    if not all(len(table) == 64 and max(table) <= _MAX_BASELINE_STEP for table in tables):
        return _DEFAULT_JPEG
    distinct = tables[:2] if tables[1] == tables[2] else tables
    return {"qtables": distinct, "subsampling": max(0, get_sampling(image))}


def _encode(
    image: PILImage.Image, jpeg_settings: dict[str, Any] | None, profile: bytes | None
) -> bytes:
    buffer = io.BytesIO()
    if jpeg_settings is not None:
        image.save(buffer, "JPEG", icc_profile=profile, **jpeg_settings)
    else:
        image.save(buffer, "PNG", compress_level=1, icc_profile=profile)
    return buffer.getvalue()
