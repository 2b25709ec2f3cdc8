"""Images as they were read: bytes, digest and header, each found once while they are at hand.

Many rows may share an image; within a window of rows it is read, hashed and
probed once, right after reading, while its bytes are in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from m3it_builder.media.probe import BadImage, Probe, probe


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """One image of the source."""

    data: bytes
    digest: str  # BLAKE3
    header: Probe | BadImage  # what the header says, or why the image cannot be used


@dataclass(frozen=True, slots=True)
class Loaded:
    """The images that one reference of a row stands for, and what the row's meta says of them."""

    images: tuple[LoadedImage, ...]
    note: dict[str, Any]


def load_images(images: Iterable[bytes], note: dict[str, Any]) -> Loaded:
    """Return images with their digests and headers."""
    return Loaded(tuple(map(inspect, images)), note)


def inspect(data: bytes) -> LoadedImage:
    """Hash and probe one image; one of odd structure is good if it decodes all the same."""
    header: Probe | BadImage
    try:
        header = probe(data)
    except BadImage as bad:
        header = bad
        if bad.reason in ("image_damaged", "image_truncated"):
            from m3it_builder.media.images import measured

            header = measured(data) or bad
    return LoadedImage(data, blake3(data).hexdigest(), header)
