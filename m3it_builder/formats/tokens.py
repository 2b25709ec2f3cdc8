"""Detokenization."""

from __future__ import annotations

import re
from collections.abc import Iterable

_CLOSING = re.compile(r" ([.,;:!?%)\]}]|n't\b)")
_APOSTROPHE = re.compile(r" ' ?(s|re|ve|ll|d|m|t)\b")
_OPENING = re.compile(r"([(\[]) ")


def sentence(tokens: Iterable[str]) -> str:
    """Return tokens joined without the spaces of tokenization: before a period, or in "isn't"."""
    text = _APOSTROPHE.sub(r"'\1", " ".join(tokens))
    return _OPENING.sub(r"\1", _CLOSING.sub(r"\1", text))
