"""Instruction pools: JSON lists of texts, some of which need something of the row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from m3it_builder.errors import CardError

# What an instruction may need of a row; ``stages.instruct`` decides which ones a row has.
Need = Literal[
    "image",
    "several_images",
    "question",
    "context",
    "dialog",  # more than one turn
    "options",
    "box",  # a region
    "letter",  # the answer contains the letter of the option
    "option_text",  # the answer contains the text of the option
]
NEEDS: tuple[Need, ...] = get_args(Need)
_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can escape one alone, UTF-8 cannot encode it


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a pool, used for rows that have everything it needs."""

    text: str
    needs: frozenset[Need] = frozenset()


def plain(texts: Iterable[str]) -> tuple[Instruction, ...]:
    """Return a pool of instructions that fit every row."""
    return tuple(map(Instruction, texts))


def load_instructions(path: Path) -> tuple[Instruction, ...]:
    """Read one instruction pool: a JSON list of texts and of ``{"text": ..., "needs": [...]}``.

    Raises:
        CardError: the file is missing or is not such a list, or its texts are not distinct,
            stripped and non-empty.
    """
    try:
        pool = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise CardError(f"{path.name}: not valid JSON ({error})") from error
    except RecursionError as error:
        raise CardError(f"{path.name}: must be a list of texts, not of nested lists") from error
    if not isinstance(pool, list) or not pool:
        raise CardError(f"{path.name}: must be a list of one or more instructions")
    instructions = tuple(_instruction(entry, path.name) for entry in pool)
    texts = [instruction.text for instruction in instructions]
    malformed = [text for text in texts if not text or text != text.strip()]
    if malformed or len(set(texts)) != len(texts):
        raise CardError(f"{path.name}: instructions must be distinct, non-empty and stripped")
    if any(not text.isascii() and _SURROGATE.search(text) for text in texts):
        raise CardError(f"{path.name}: an instruction contains half of a surrogate pair")
    return instructions


def _instruction(entry: Any, name: str) -> Instruction:
    if isinstance(entry, str):
        return Instruction(entry)
    if not isinstance(entry, dict) or entry.keys() != {"text", "needs"}:
        raise CardError(
            f"{name}: must be a list of instructions, each a text or an object with the keys "
            "'text' and 'needs'"
        )
    text, needs = entry["text"], entry["needs"]
    if not isinstance(text, str) or not isinstance(needs, list):
        raise CardError(f"{name}: 'text' must be a string and 'needs' a list in {entry!r}")
    unknown = [need for need in needs if need not in NEEDS]
    if unknown:
        raise CardError(
            f"{name}: an instruction needs {unknown[0]!r}; it can be one of {', '.join(NEEDS)}"
        )
    return Instruction(text, frozenset(needs))
