"""Checks stored images: their digest, and that they decode completely."""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3
from PIL import Image as PILImage

from m3it_builder.dataset.index_row import StoredImage
from m3it_builder.media.decoding import opened
from m3it_builder.media.probe import BadImage, probe
from m3it_builder.verify.findings import Findings
from m3it_builder.verify.stored_row import first_line

_MIMES = {"MPO": "image/jpeg"}  # a JPEG followed by further images
_CACHE_SIZE = 20_000  # decode results, of some hundred bytes each


@dataclass(frozen=True, slots=True)
class DecodeResult:
    """Type and size of a decoded image, or why it does not decode."""

    mime: str
    sizes: tuple[tuple[int, int], ...]  # as decoded and as in the header: GIFs may differ
    error: str = ""


class ImageChecker:
    """Checks images; an image that occurs in several formats or rows is decoded once."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._results: dict[str, DecodeResult] = {}  # by digest
        self._checked: set[int] = set()  # positions in the current row

    def start_row(self) -> None:
        """Start a row; the metadata of its images is checked once, not once per format."""
        self._checked.clear()

    def check(self, position: int, data: bytes, image: StoredImage) -> Findings:
        """Yield (check, detail) for one image of the row, given its index entry."""
        digest = blake3(data).hexdigest()
        if digest != image.digest:
            yield "image_differs", f"image {position} has digest {digest[:12]}..."
            return
        if position in self._checked:
            return
        self._checked.add(position)
        yield from _metadata_findings(position, data, image, self._decode(digest, data))

    def _decode(self, digest: str, data: bytes) -> DecodeResult:
        if digest not in self._results:
            if len(self._results) >= _CACHE_SIZE:
                self._results.clear()
            self._results[digest] = decode(data, self._max_pixels)
        return self._results[digest]


def decode(data: bytes, max_pixels: int) -> DecodeResult:
    """Decode a complete image, unless it exceeds the pixel limit of the build."""
    try:
        with opened(data, max_pixels) as image:
            mime = _MIMES.get(str(image.format)) or PILImage.MIME[str(image.format)]
            image.load()
            return DecodeResult(mime, (image.size, _header_size(data, image.size)))
    except BadImage as bad:
        return DecodeResult("", (), str(bad).removeprefix("image_undecodable: "))
    except MemoryError as error:
        return DecodeResult("", (), first_line(error))


def _header_size(data: bytes, default: tuple[int, int]) -> tuple[int, int]:
    try:
        header = probe(data)
    except BadImage:
        return default
    return header.width, header.height


def _metadata_findings(
    position: int, data: bytes, image: StoredImage, result: DecodeResult
) -> Findings:
    if result.error:
        yield "image_undecodable", f"image {position}, {image.name}: {result.error}"
        return
    differences: list[tuple[str, str]] = []
    if (image.width, image.height) not in result.sizes:
        width, height = result.sizes[0]
        differences.append((f"{width}x{height}", f"{image.width}x{image.height}"))
    if image.mime != result.mime:
        differences.append((result.mime, image.mime))
    if image.bytes != len(data):
        differences.append((f"{len(data):,} bytes", f"{image.bytes:,}"))
    for actual, stated in differences:
        yield "image_metadata_differs", f"image {position} is {actual}, the index says {stated}"
