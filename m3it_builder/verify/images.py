"""Images as stored: their digest, and whether they decode to the last pixel."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from blake3 import blake3
from PIL import Image as PILImage

from m3it_builder.media.probe import BadImage, probe

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
_MIMES = {"MPO": "image/jpeg"}  # a JPEG with further images behind it
_REMEMBERED = 20_000  # verdicts, of some hundred bytes each
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, IndexError, KeyError,
               struct.error, MemoryError, PILImage.DecompressionBombError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decoded:
    """What decoding an image showed."""

    mime: str
    sizes: tuple[tuple[int, int], ...]  # as decoded and as in the header: GIFs may differ
    error: str = ""


class ImageChecker:
    """Judges images; one that comes again, in another format or row, is not decoded again."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._known: dict[str, Decoded] = {}
        self._judged: set[int] = set()

    def next_row(self) -> None:
        """Begin a row: its images are described once, whatever formats hold them."""
        self._judged.clear()

    def judge(self, place: int, data: bytes, image: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (check, detail) for one image of the row, given its index entry."""
        digest = blake3(data).hexdigest()
        if digest != image["digest"]:
            yield "image_differs", f"image {place} has digest {digest[:12]}..."
            return
        if place in self._judged:
            return
        self._judged.add(place)
        yield from _described(place, data, image, self._decoded(digest, data))

    def _decoded(self, digest: str, data: bytes) -> Decoded:
        if digest not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[digest] = decode(data, self._max_pixels)
        return self._known[digest]


def decode(data: bytes, max_pixels: int) -> Decoded:
    """Decode an image whole, unless it has more pixels than the build took."""
    try:
        with _bounded(max_pixels), PILImage.open(io.BytesIO(data), formats=_FORMATS) as image:
            mime = _MIMES.get(str(image.format)) or PILImage.MIME[str(image.format)]
            width, height = image.size
            if width * height > max_pixels:
                return Decoded(mime, (image.size,), f"{width}x{height} pixels")
            image.load()
            return Decoded(mime, (image.size, _header_size(data, image.size)))
    except _UNREADABLE as error:
        what = str(error).strip().splitlines() or [type(error).__name__]
        return Decoded("", (), what[0])


def _header_size(data: bytes, size: tuple[int, int]) -> tuple[int, int]:
    try:
        found = probe(data)
    except BadImage:
        return size
    return found.width, found.height


def _described(
    place: int, data: bytes, image: Mapping[str, Any], found: Decoded
) -> Iterator[tuple[str, str]]:
    if found.error:
        yield "image_undecodable", f"image {place}, {image['name']}: {found.error}"
        return
    if (image["width"], image["height"]) not in found.sizes:
        size = "{}x{}".format(*found.sizes[0])
        said = f"{image['width']}x{image['height']}"
        yield "image_described", f"image {place} is {size}, the index says {said}"
    if image["mime"] != found.mime:
        yield (
            "image_described",
            f"image {place} is {found.mime}, the index says {image['mime']}",
        )
    if image["bytes"] != len(data):
        said = f"{image['bytes']:,}"
        yield "image_described", f"image {place} has {len(data):,} bytes, the index says {said}"


@contextmanager
def _bounded(max_pixels: int) -> Iterator[None]:
    """Let the library take what the build took, quietly, and put its own bound back."""
    before = PILImage.MAX_IMAGE_PIXELS
    PILImage.MAX_IMAGE_PIXELS = max(before or 0, max_pixels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        PILImage.MAX_IMAGE_PIXELS = before
