"""Text on images: font fallback, and line wrapping by display width.

Pillow's default font covers little beyond ASCII. For other characters, common
system fonts are tried by name; a character that no font covers is drawn as a box.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from unicodedata import category

from PIL import ImageFont
from rich.cells import cell_len, chop_cells

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Fonts of broad coverage first, then those of one script, by their names on Linux, macOS, Windows.
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
_NONCHARACTER = "\ufffe"  # never assigned, so that every font draws its .notdef glyph for it
_TAB = 4  # columns between tab stops; rich counts a tab as 0, Pillow draws a box


def font_for(text: str, size: int) -> Font:
    """Return the default font if it covers a text, else the font that lacks fewest characters.

    Args:
        text: the text to draw.
        size: font size in pixels.
    """
    characters = "".join(sorted({char for char in text if _is_visible(char)}))
    best, fewest = _default_font(size), _missing_count(None, characters)
    for name in FONTS:
        if not fewest:
            break
        font = _load_font(name, size)
        if font is not None and (missing := _missing_count(name, characters)) < fewest:
            best, fewest = font, missing
    return best


def truncate(text: str, width: int) -> str:
    """Return the longest prefix of a text that fits into ``width`` columns."""
    return "".join(chop_cells(text, width)[:1])


def wrap(text: str, width: int) -> list[str]:
    """Return a text as lines of at most ``width`` columns, East Asian characters counting two.

    Lines break at spaces and between wide characters. Wide closing punctuation does
    not start a line: it hangs, up to two columns beyond the edge.
    """
    # rich wraps at spaces alone, and has no hanging punctuation.
    lines = text.expandtabs(_TAB).splitlines()
    return [row for line in lines for row in _wrap_line(line, width)]


def _wrap_line(line: str, width: int) -> list[str]:
    rows = [""]
    for segment in _segments(line, width):
        used, needed = cell_len(rows[-1]), cell_len(segment)
        hangs = used <= width and needed == 2 and category(segment[0]) in ("Po", "Pe")
        if used + needed > width and not hangs:
            rows.append("")
        if rows[-1] or not segment.isspace():
            rows[-1] += segment
    return [row.rstrip() for row in rows]


def _segments(line: str, width: int) -> Iterator[str]:
    """Yield what a line may break between: words, spaces, wide characters, parts of long words."""
    word = ""
    for char in line:
        breaks = char.isspace() or cell_len(char) == 2
        if word and (breaks or cell_len(word + char) > width):
            yield word
            word = ""
        if breaks:
            yield char
        else:
            word += char
    if word:
        yield word


def _is_visible(char: str) -> bool:
    return not char.isspace() and category(char)[0] not in "MC"


def _missing_count(name: str | None, characters: str) -> int:
    return sum(not _has_glyph(name, char) for char in characters)


@lru_cache(65_536)
def _has_glyph(name: str | None, char: str) -> bool:
    if name is None and char.isascii():
        return True
    font = _default_font(16) if name is None else _load_font(name, 16)
    return font is not None and _glyph(font, char) != _glyph(font, _NONCHARACTER)


def _glyph(font: Font, char: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(char)
    return mask.size, bytes(mask)


@lru_cache(8)
def _default_font(size: int) -> Font:
    return ImageFont.load_default(size)


@lru_cache(64)
def _load_font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None
