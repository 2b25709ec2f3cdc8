"""Text on images: a font that has its characters, and lines that fit.

Pillow's own font knows little beyond ASCII. For anything else fonts that
systems have are tried by name; where none has a character, a box stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from unicodedata import category, east_asian_width

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Broad ones first, then those of one script; as Linux, macOS and Windows call them.
FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf",
    "NotoSansSC-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "wqy-zenhei.ttc",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
    "DroidSansFallback.ttf",
    "PingFang.ttc",
    "Hiragino Sans GB.ttc",
    "msyh.ttc",
    "simsun.ttc",
    "Arial Unicode.ttf",
    "ARIALUNI.TTF",
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoNaskhArabic-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "Nirmala.ttf",
    "FreeSans.ttf",
    "unifont.otf",
    "unifont.ttf",
)
_NO_CHARACTER = "\ufffe"  # never assigned, so what a font draws for it stands for what it lacks


def font_for(text: str, size: int) -> Font:
    """Return the default font, or where it lacks characters of a text the one that lacks fewest.

    Args:
        text: to be drawn.
        size: of the letters, in pixels.
    """
    needed = "".join(sorted({char for char in text if _is_seen(char)}))
    best, fewest = _default(size), _lacking(None, needed)
    for name in FONTS:
        if not fewest:
            break
        font = _load(name, size)
        if font is not None and (lacking := _lacking(name, needed)) < fewest:
            best, fewest = font, lacking
    return best


def columns(text: str) -> int:
    """Return how many letters wide a text is; Chinese and the like count as two, marks as none."""
    return sum(_columns(char) for char in text)


def cut(text: str, width: int) -> str:
    """Return the start of a text, at most so many columns of it."""
    kept = ""
    for char in text:
        if columns(kept) + _columns(char) > width:
            break
        kept += char
    return kept


def wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of at most ``width`` columns.

    Lines break at blanks and between wide characters. A full stop of Chinese does
    not begin a line: it stands beyond the edge.
    """
    return [row for line in text.splitlines() for row in _rows(line, width)]


def _rows(line: str, width: int) -> list[str]:
    rows = [""]
    for piece in _pieces(line, width):
        taken = columns(rows[-1])
        hangs = taken <= width and columns(piece) == 2 and category(piece[0]) in ("Po", "Pe")
        if taken + columns(piece) > width and not hangs:
            rows.append("")
        if rows[-1] or not piece.isspace():
            rows[-1] += piece
    return [row.rstrip() for row in rows]


def _pieces(line: str, width: int) -> Iterator[str]:
    """Yield words, blanks, wide characters, and parts of words that are longer than a line."""
    word = ""
    for char in line:
        alone = char.isspace() or _columns(char) == 2
        if word and (alone or columns(word) + _columns(char) > width):
            yield word
            word = ""
        if alone:
            yield char
        else:
            word += char
    if word:
        yield word


def _columns(char: str) -> int:
    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def _is_seen(char: str) -> bool:
    return not char.isspace() and category(char)[0] not in "MC"


def _lacking(name: str | None, characters: str) -> int:
    return sum(not _has(name, char) for char in characters)


@lru_cache(65_536)
def _has(name: str | None, char: str) -> bool:
    if name is None and char.isascii():
        return True
    font = _default(16) if name is None else _load(name, 16)
    return font is not None and _drawn(font, char) != _drawn(font, _NO_CHARACTER)


def _drawn(font: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@lru_cache(8)
def _default(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(64)
def _load(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
