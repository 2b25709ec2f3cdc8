"""Min and max values of text columns, by which readers skip pages and row groups.

Long values are truncated, a max value upwards, and marked as not exact. Every page and row
group has them: DataFusion 55 treats one without statistics as if it had those of its neighbor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

_MAX_BYTES = 256  # of a min or max value
_LAST_CHARACTER = "\U0010ffff"
_SURROGATES = range(0xD800, 0xE000)  # code points that UTF-8 cannot encode


class MinMax(NamedTuple):
    """A lower and an upper bound of some values, in the order of their bytes."""

    min_value: bytes
    max_value: bytes
    is_min_value_exact: bool = True  # one of the values, not truncated
    is_max_value_exact: bool = True


def min_max(values: Sequence[bytes]) -> MinMax | None:
    """Return the bounds of UTF-8 texts; None if there are none."""
    if not values:
        return None
    least, greatest = min(values), max(values)
    if len(least) <= _MAX_BYTES and len(greatest) <= _MAX_BYTES:
        return MinMax(least, greatest)
    low, high = _truncate(least), _truncate_up(greatest)
    return MinMax(low, high, low == least, high == greatest)


def merge(bounds: Iterable[MinMax]) -> MinMax:
    """Return the bounds of all values, given the bounds of their parts."""
    parts = list(bounds)
    return MinMax(
        min([part.min_value for part in parts]),
        max([part.max_value for part in parts]),
        all([part.is_min_value_exact for part in parts]),
        all([part.is_max_value_exact for part in parts]),
    )


def _truncate(text: bytes) -> bytes:
    """Return the longest prefix of whole characters that is short enough."""
    end = _MAX_BYTES
    if len(text) <= end:
        return text
    while text[end] & 0xC0 == 0x80:  # a continuation byte: readers decode bounds as UTF-8
        end -= 1
    return text[:end]


def _truncate_up(text: bytes) -> bytes:
    """Return a short upper bound of a text; the text itself if there is none."""
    # A prefix sorts before the text it is cut from, so it is no upper bound. With its last
    # character replaced by the next code point it is: UTF-8 bytes sort as code points do.
    # U+10FFFF has no successor, so it is dropped and the character before it is incremented;
    # a prefix of nothing else leaves no bound shorter than the text.
    prefix = _truncate(text).decode().rstrip(_LAST_CHARACTER)
    if len(text) <= _MAX_BYTES or not prefix:
        return text
    successor = ord(prefix[-1]) + 1
    if successor in _SURROGATES:
        successor = _SURROGATES.stop
    return (prefix[:-1] + chr(successor)).encode()
