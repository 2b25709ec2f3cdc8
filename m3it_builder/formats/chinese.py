"""Chinese text: whitespace that is no part of it."""

import re

# Han characters, kana, and the punctuation and full-width forms that are set among them.
_WIDE = (
    "\u2e80-\u2fdf\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60"
    "\U00020000-\U000323af\u2018\u2019\u201c\u201d\u2014\u2026"
)
_GAP = re.compile(rf"(?<=[{_WIDE}])\s+(?=[{_WIDE}])")


def without_gaps(text: str) -> str:
    """Return a text stripped, and without whitespace between two Chinese characters.

    It joins word-segmented sentences, and removes stray blanks. Whitespace beside Latin letters
    or digits is kept, as one space.
    """
    return " ".join(_GAP.sub("", text).split())
