"""Contact sheets: rows of a build in a grid, each with its images and texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from m3it_builder.dataset.reader import BuiltRow
from m3it_builder.errors import BuildError
from m3it_builder.media.images import exif_transposed
from m3it_builder.media.probe import BadImage
from m3it_builder.report.fonts import font_for, truncate, wrap

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"  # first bytes of a file
_COLUMNS = 3
_CELL_WIDTH = 380  # pixels
_IMAGE_HEIGHT = 220  # pixels, of the images of a cell
_MARGIN = 14
_IMAGE_WIDTH = _CELL_WIDTH - 2 * _MARGIN
_GAP = 4  # pixels between the images of a row
_LINE_HEIGHT = 17
_FONT_SIZE = 13  # pixels
_LINE_COLUMNS = 54  # characters per line; East Asian characters count two
_MAX_LINES = 5  # per text
_INK, _GRAY, _PAPER = (24, 24, 27), (113, 113, 122), (255, 255, 255)
_TEXTS = (("instruction", (55, 48, 163)), ("inputs", _INK), ("outputs", (4, 108, 78)))


def require_sheet_path(path: Path) -> None:
    """Require that a file is new, empty, or an image: a sheet replaces no other data.

    Raises:
        BuildError: it has other content.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(len(_PNG))
    if start and not start.startswith((_PNG, _JPEG)):
        raise BuildError(f"{path}: exists, and is no PNG or JPEG image; choose another --sheet")


def write_sheet(path: Path, rows: Sequence[BuiltRow]) -> None:
    """Write a PNG with one cell per row.

    Raises:
        BuildError: the file exists, and is not an image.
    """
    require_sheet_path(path)
    cells = [_cell(row) for row in rows]
    lines = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    heights = [max(cell.height for cell in line) for line in lines]
    columns = min(_COLUMNS, max(1, len(cells)))
    sheet = Image.new("RGB", (columns * _CELL_WIDTH, max(1, sum(heights))), _PAPER)
    top = 0
    for line, height in zip(lines, heights, strict=True):
        for column, cell in enumerate(line):
            sheet.paste(cell, (column * _CELL_WIDTH, top))
        top += height
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, "PNG")


def _cell(built: BuiltRow) -> Image.Image:
    row = built.row
    blocks = [(name, color, _lines(getattr(row, name))) for name, color in _TEXTS]
    text_height = sum((len(lines) + 1) * _LINE_HEIGHT + 4 for _, _, lines in blocks)
    height = _MARGIN * 3 + _LINE_HEIGHT + _IMAGE_HEIGHT + text_height
    cell = Image.new("RGB", (_CELL_WIDTH, height), _PAPER)
    canvas = ImageDraw.Draw(cell)
    canvas.rectangle((4, 4, _CELL_WIDTH - 5, height - 5), outline=(228, 228, 231))
    title = f"{row.task}/{row.split}/{row.id}"
    _draw_text(canvas, _MARGIN - 4, _shortened(title), _GRAY)
    _paste_images(cell, built.images, _MARGIN + _LINE_HEIGHT)
    y = _MARGIN * 2 + _LINE_HEIGHT + _IMAGE_HEIGHT
    for name, color, lines in blocks:
        _draw_text(canvas, y, name, _GRAY)
        for line in lines:
            y += _LINE_HEIGHT
            _draw_text(canvas, y, line, color)
        y += _LINE_HEIGHT + 4
    return cell


def _paste_images(cell: Image.Image, images: Sequence[bytes], top: int) -> None:
    """Paste the images of one row in a grid, each centered in its place, and scaled to fit."""
    if not images:
        return
    decoded = [_decoded(data) for data in images]
    columns = grid_columns([image.size for image in decoded])
    lines = -(-len(decoded) // columns)
    width, height = _IMAGE_WIDTH // columns, _IMAGE_HEIGHT // lines
    for line in range(lines):
        group = decoded[line * columns : (line + 1) * columns]
        left = _MARGIN + (_IMAGE_WIDTH - len(group) * width) // 2  # the last line may have fewer
        for column, image in enumerate(group):
            scale = min((width - _GAP) / image.width, (height - _GAP) / image.height)
            size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
            small = image.resize(size, Image.Resampling.LANCZOS)
            x = left + column * width + (width - size[0]) // 2
            cell.paste(small, (x, top + line * height + (height - size[1]) // 2))


def grid_columns(sizes: Sequence[tuple[int, int]]) -> int:
    """Return the number of columns of the grid that shows images of these sizes best.

    Large images are good, and so is a last line that is full: 8 frames are shown 4 by 2.
    """

    def quality(columns: int) -> float:
        lines = -(-len(sizes) // columns)
        width = max(1, _IMAGE_WIDTH // columns - _GAP)
        height = max(1, _IMAGE_HEIGHT // lines - _GAP)
        area = sum(min(width / w, height / h) ** 2 * w * h for w, h in sizes)
        return area * (len(sizes) / (columns * lines)) ** 2

    return max(range(1, len(sizes) + 1), key=quality)


def _decoded(data: bytes) -> Image.Image:
    try:
        return exif_transposed(data)
    except BadImage:  # `m3it build` checks headers only, unless the pipeline sets decode: full
        return Image.new("RGB", (_IMAGE_HEIGHT, _IMAGE_HEIGHT), _GRAY)


def _lines(text: str) -> list[str]:
    lines = wrap(text, _LINE_COLUMNS)
    if len(lines) > _MAX_LINES:
        last = truncate(lines[_MAX_LINES - 1], _LINE_COLUMNS - 2) + " …"
        lines = [*lines[: _MAX_LINES - 1], last]
    return lines or ["(empty)"]


def _shortened(text: str) -> str:
    """Return a text that fits in one line, with an ellipsis if it is cut."""
    start = truncate(text, _LINE_COLUMNS)
    return text if start == text else truncate(text, _LINE_COLUMNS - 2) + " …"


def _draw_text(
    canvas: ImageDraw.ImageDraw, top: int, text: str, color: tuple[int, int, int]
) -> None:
    canvas.text((_MARGIN, top), text, fill=color, font=font_for(text, _FONT_SIZE))
