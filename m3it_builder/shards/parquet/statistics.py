"""The least and the greatest text of a page, by which readers pass over pages and groups.

Long texts are cut, the greatest one upwards, and said not to be exact. All groups tell
bounds: DataFusion 55 takes one that tells none for one like its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_MOST_BYTES = 256  # of a bound
_LAST = "\U0010ffff"
_SURROGATES = range(0xD800, 0xE000)  # no characters


class Bounds(NamedTuple):
    """No text lies below ``least`` or above ``most``, in the order of their bytes."""

    least: bytes
    most: bytes
    is_least: bool = True  # it is one of the texts, rather than below them
    is_most: bool = True


def bounds_of(texts: Sequence[bytes]) -> Bounds | None:
    """Return the bounds of UTF-8 texts; None if there are none."""
    if not texts:
        return None
    least, most = min(texts), max(texts)
    if len(least) <= _MOST_BYTES and len(most) <= _MOST_BYTES:
        return Bounds(least, most)
    below, above = _cut(least), _above(most)
    return Bounds(below, above, below == least, above == most)


def joined(bounds: Iterable[Bounds]) -> Bounds:
    """Return bounds that hold for all."""
    several = list(bounds)
    return Bounds(
        min([each.least for each in several]),
        max([each.most for each in several]),
        all([each.is_least for each in several]),
        all([each.is_most for each in several]),
    )


def _cut(text: bytes) -> bytes:
    """Return the beginning of a text, in whole characters."""
    end = _MOST_BYTES
    if len(text) <= end:
        return text
    while text[end] & 0xC0 == 0x80:
        end -= 1
    return text[:end]


def _above(text: bytes) -> bytes:
    """Return a short text above a long one; the text itself if there is none."""
    kept = _cut(text).decode().rstrip(_LAST)
    if len(text) <= _MOST_BYTES or not kept:
        return text
    following = ord(kept[-1]) + 1
    if following in _SURROGATES:
        following = _SURROGATES.stop
    return (kept[:-1] + chr(following)).encode()
