"""Loaded images: bytes, digest and header.

Many rows may share an image. Within a window of rows it is read, hashed and probed once,
right after reading, while its bytes are in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from m3it_builder.media.probe import BadImage, ImageHeader, probe

_MAX_JUDGED = 10_000  # of some hundred bytes each

# Malformed images by digest: many names may refer to the same bytes, and decoding is slow. Not the
# exceptions, whose tracebacks would keep the images in memory, but their arguments.
_judged: dict[str, ImageHeader | tuple[str, str]] = {}


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """One image of the source."""

    data: bytes
    digest: str  # BLAKE3
    header: ImageHeader | BadImage  # BadImage: why the image cannot be used


@dataclass(frozen=True, slots=True)
class Loaded:
    """The images that one reference of a row yields: one image, or the frames of a video."""

    images: tuple[LoadedImage, ...]
    metadata: dict[str, Any]  # of frames and array images: their indices, for instance


def load_images(images: Iterable[bytes], metadata: dict[str, Any]) -> Loaded:
    """Return images with their digests and headers."""
    return Loaded(tuple(map(load_image, images)), metadata)


def load_image(data: bytes) -> LoadedImage:
    """Hash and probe one image; a malformed one is accepted if it decodes completely."""
    digest = blake3(data).hexdigest()
    header: ImageHeader | BadImage
    try:
        header = probe(data)
    except BadImage as bad:
        header = bad
        if bad.reason in ("image_damaged", "image_truncated"):
            header = _judge(data, digest, bad)
    return LoadedImage(data, digest, header)


def _judge(data: bytes, digest: str, bad: BadImage) -> ImageHeader | BadImage:
    """Return the header of a malformed image, or why it cannot be used; decode it once only."""
    if digest not in _judged:
        if len(_judged) >= _MAX_JUDGED:
            _judged.clear()
        _judged[digest] = _decoded(data) or (bad.reason, bad.detail)
    result = _judged[digest]
    return result if isinstance(result, ImageHeader) else BadImage(*result)


def _decoded(data: bytes) -> ImageHeader | tuple[str, str] | None:
    from m3it_builder.media.images import decoded_header

    try:
        return decoded_header(data)
    except BadImage as bad:
        return bad.reason, bad.detail
