"""Encoded images of every accepted format and mode."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image

# mode, format, encoder options
ENCODINGS: list[tuple[str, str, dict[str, Any]]] = [
    ("RGB", "JPEG", {}),
    ("RGB", "JPEG", {"progressive": True}),
    ("L", "JPEG", {}),
    ("CMYK", "JPEG", {}),
    ("RGB", "PNG", {}),
    ("RGBA", "PNG", {}),
    ("LA", "PNG", {}),
    ("P", "PNG", {}),
    ("1", "PNG", {}),
    ("I;16", "PNG", {}),
    ("P", "GIF", {}),
    ("RGB", "WEBP", {}),
    ("RGB", "WEBP", {"lossless": True}),
    ("RGBA", "WEBP", {}),
    ("RGB", "BMP", {}),
    ("L", "BMP", {}),
]
IDS = [f"{mode} {kind} {' '.join(options)}".strip() for mode, kind, options in ENCODINGS]


def encoded(mode: str, kind: str, size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    """Return an image of deterministic noise."""
    noise = random.Random(7).randbytes(size[0] * size[1])
    image = Image.frombytes("L", size, noise).point(lambda value: 64 + value // 2)
    if mode.startswith("I;16"):
        image = Image.frombytes(
            "I;16", size, bytes(range(256)) * (size[0] * size[1] * 2 // 256 + 1)
        )
    elif mode != "L":
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
