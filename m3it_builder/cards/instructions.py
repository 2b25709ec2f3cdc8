"""Instruction pools: JSON lists of texts."""

from __future__ import annotations

import json
import re
from pathlib import Path

from m3it_builder.errors import CardError

_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can escape one alone, UTF-8 cannot encode it


def load_instructions(path: Path) -> tuple[str, ...]:
    """Read one instruction pool: a JSON list of distinct, stripped, non-empty strings.

    Raises:
        CardError: the file is missing or is not such a list.
    """
    try:
        pool = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise CardError(f"{path.name}: not valid JSON ({error})") from error
    except RecursionError as error:
        raise CardError(f"{path.name}: must be a list of texts, not of nested lists") from error
    if not isinstance(pool, list) or not pool or not all(isinstance(text, str) for text in pool):
        raise CardError(f"{path.name}: must be a list of one or more instructions")
    malformed = [text for text in pool if not text or text != text.strip()]
    if malformed or len(set(pool)) != len(pool):
        raise CardError(f"{path.name}: instructions must be distinct, non-empty and stripped")
    if any(not text.isascii() and _SURROGATE.search(text) for text in pool):
        raise CardError(f"{path.name}: an instruction contains half of a surrogate pair")
    return tuple(pool)
