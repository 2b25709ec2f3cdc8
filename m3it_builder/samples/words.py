"""Words drawn on scenes, legible or too blurred to read."""

from __future__ import annotations

import random
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from m3it_builder.records import Box

WORDS = ("STOP", "CAFE", "EXIT", "TAXI", "OPEN", "BUS 12", "BOOKS", "SALE", "HOTEL", "PARK")


def write_word(canvas: Image.Image, word: str, corner: tuple[int, int], legible: bool) -> Box:
    """Draw a word on an image and return its box in pixels."""
    font = ImageFont.load_default(max(9, canvas.height // 6))
    pen = ImageDraw.Draw(canvas)
    box = pen.textbbox(corner, word, font=font)
    box = (box[0], box[1], min(box[2], canvas.width), min(box[3], canvas.height))
    pen.rectangle(box, fill=(250, 250, 250))
    pen.text(corner, word, fill=(20, 20, 20), font=font)
    if not legible:
        patch = canvas.crop(box).filter(ImageFilter.GaussianBlur(canvas.height / 24))
        canvas.paste(patch, (round(box[0]), round(box[1])))
    return box


def write_two(canvas: Image.Image, rng: random.Random, words: Sequence[str]) -> dict[str, str]:
    """Write two different words, at the top and at the bottom, and return them by position."""
    written = dict(zip(("top", "bottom"), rng.sample(words, 2), strict=True))
    for row, word in enumerate(written.values()):
        corner = (rng.randrange(canvas.width // 3), row * canvas.height * 2 // 3)
        write_word(canvas, word, corner, legible=True)
    return written
