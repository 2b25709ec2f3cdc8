"""What is known of the published collections, read from ``published.yaml``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pydantic import Field

from m3it_builder.cards.cards import Group, Text
from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.records import Split

Rows = dict[Split, int]

_NLLB = re.compile(r"([a-z]{3})[_-]([A-Z][a-z]{3})")
_VARIANTS = ("-rephrased", "-open-ended")


class Known(Strict):
    """One task, as it was published."""

    title: Text
    group: Group
    lang: Text
    homepage: Text
    citation: Text
    license: Text
    image_license: Text
    held_out: bool = False
    rows: Rows | None = None  # absent where nobody said how many
    fewest_images: int = Field(default=1, ge=0)
    folders: tuple[Text, ...] = ()  # names of its folder that its own name does not show


class Published(Strict):
    """All of it."""

    tasks: dict[str, Known]
    translated: dict[str, Rows]  # rows a language
    languages: dict[str, str]  # BCP 47 tag: code of FLORES and NLLB


@cache
def published() -> Published:
    """Return the table."""
    return read_card(Path(__file__).with_name("published.yaml"), Published)


def base_name(task: str) -> str:
    """Return the name of the task that a rephrased or otherwise varied set belongs to."""
    for ending in _VARIANTS:
        task = task.removesuffix(ending)
    return task


def task_of(folder: str) -> str | None:
    """Return the published name of the task a folder holds, or None.

    Folders are spelt without system (``vqav2``, ``visual_dialog``, ``itm``).
    """
    return _folders().get(_letters(folder))


def language(code: str) -> str | None:
    """Return the BCP 47 tag of a language code as file names have it, or None.

    A code may be one of the 80 tags, or of FLORES and NLLB (``zho_Hans``).
    """
    languages = published().languages
    if code in languages:
        return code
    for tag, nllb in languages.items():
        if nllb == code:
            return tag
    match = _NLLB.fullmatch(code)
    return f"{match[1]}-{match[2]}" if match else None


@cache
def _folders() -> dict[str, str]:
    names = {_letters(name): name for name in published().tasks}
    for name, known in published().tasks.items():
        names.update({_letters(folder): name for folder in known.folders})
    return names


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
