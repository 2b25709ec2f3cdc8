"""The image codecs that are read, each with a header parser in ``probe``, and suffixes of files."""

from __future__ import annotations

from collections.abc import Iterator

PILLOW_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")  # its decoders that may run
MIMES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"})
# In this order, an image that is stored with another suffix is looked for.
SUFFIXES = ("jpg", "png", "jpeg", "gif", "webp", "bmp", "JPG", "JPEG", "PNG")
VIDEO_SUFFIXES = ("mp4", "webm", "mkv", "avi", "mov")


def with_other_suffixes(name: str, is_video: bool = False) -> Iterator[str]:
    """Yield the names under which an image or a video may be stored instead."""
    stem, dot, extension = name.rpartition(".")
    for other in (VIDEO_SUFFIXES if is_video else SUFFIXES) if dot else ():
        if other != extension:
            yield stem + dot + other
