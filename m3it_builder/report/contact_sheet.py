"""An image of a build: its images in a grid, each with instruction, input and output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from m3it_builder.dataset.reader import BuiltRow
from m3it_builder.media.images import displayed
from m3it_builder.media.probe import BadImage
from m3it_builder.report.fonts import cut, font_for, wrapped

_COLUMNS = 3
_WIDTH = 380  # pixels of a cell
_IMAGE = 220  # pixels of height for the images of a cell
_MARGIN = 14
_LINE = 17
_SIZE = 13  # pixels of height of a letter
_LETTERS = 54  # a line; Chinese characters count as two
_MOST_LINES = 5  # a text
_INK, _GREY, _PAPER = (24, 24, 27), (113, 113, 122), (255, 255, 255)
_TEXTS = (("instruction", (55, 48, 163)), ("inputs", _INK), ("outputs", (4, 108, 78)))


def write_sheet(path: Path, rows: Sequence[BuiltRow]) -> None:
    """Write a PNG with one cell a row."""
    cells = [_cell(row) for row in rows]
    lines = [cells[at : at + _COLUMNS] for at in range(0, len(cells), _COLUMNS)]
    heights = [max(cell.height for cell in line) for line in lines]
    columns = min(_COLUMNS, max(1, len(cells)))
    sheet = Image.new("RGB", (columns * _WIDTH, max(1, sum(heights))), _PAPER)
    top = 0
    for line, height in zip(lines, heights, strict=True):
        for column, cell in enumerate(line):
            sheet.paste(cell, (column * _WIDTH, top))
        top += height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "PNG")


def _cell(row: BuiltRow) -> Image.Image:
    blocks = [(name, color, _lines(row.texts[name])) for name, color in _TEXTS]
    text_height = sum((len(lines) + 1) * _LINE + 4 for _, _, lines in blocks)
    height = _MARGIN * 3 + _LINE + _IMAGE + text_height
    cell = Image.new("RGB", (_WIDTH, height), _PAPER)
    pen = ImageDraw.Draw(cell)
    pen.rectangle((4, 4, _WIDTH - 5, height - 5), outline=(228, 228, 231))
    title = f"{row.texts['task']}/{row.texts['split']}/{row.texts['id']}"
    _write(pen, _MARGIN - 4, cut(title, _LETTERS), _GREY)
    _paste_images(cell, row.images, _MARGIN + _LINE)
    y = _MARGIN * 2 + _LINE + _IMAGE
    for name, color, lines in blocks:
        _write(pen, y, name, _GREY)
        for line in lines:
            y += _LINE
            _write(pen, y, line, color)
        y += _LINE + 4
    return cell


def _paste_images(cell: Image.Image, images: Sequence[bytes], top: int) -> None:
    """Paste the images of one row side by side, none cropped."""
    if not images:
        return
    room = (_WIDTH - 2 * _MARGIN) // len(images)
    for place, data in enumerate(images):
        try:
            image = displayed(data)
        except BadImage:  # the header is well, the rest is not; `m3it build` can be told to look
            image = Image.new("RGB", (_IMAGE, _IMAGE), _GREY)
        scale = min((room - 4) / image.width, _IMAGE / image.height)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        small = image.resize(size, Image.Resampling.LANCZOS)
        cell.paste(small, (_MARGIN + place * room, top + (_IMAGE - size[1]) // 2))


def _lines(text: str) -> list[str]:
    lines = wrapped(text, _LETTERS)
    if len(lines) > _MOST_LINES:
        lines = [*lines[: _MOST_LINES - 1], cut(lines[_MOST_LINES - 1], _LETTERS - 2) + " …"]
    return lines or ["(empty)"]


def _write(pen: ImageDraw.ImageDraw, top: int, text: str, color: tuple[int, int, int]) -> None:
    pen.text((_MARGIN, top), text, fill=color, font=font_for(text, _SIZE))
