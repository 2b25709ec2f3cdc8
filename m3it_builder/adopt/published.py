"""Facts about M3IT and M3IT-80 as published, read from ``published.yaml``."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from pydantic import Field

from m3it_builder.cards.cards import Group, Text
from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.records import Split

RowCounts = dict[Split, int]

_NLLB = re.compile(r"([a-z]{3})[_-]([A-Z][a-z]{3})")
_VARIANTS = ("-rephrased", "-open-ended")


class TaskFacts(Strict):
    """The facts of a task that its card in an adopted build states."""

    title: Text
    group: Group
    lang: Text
    homepage: Text
    citation: Text
    license: Text
    image_license: Text
    held_out: bool = False


class PublishedTask(TaskFacts):
    """One task as published."""

    rows: RowCounts | None = None  # None where no count was published
    min_images: int = Field(default=1, ge=0)  # per row
    folder_aliases: tuple[Text, ...] = ()  # folder names that differ from the task name


class Published(Strict):
    """Tasks, row counts and languages of both collections."""

    tasks: dict[str, PublishedTask]
    translated: dict[str, RowCounts]  # per language
    languages: dict[str, str]  # BCP 47 tag: FLORES/NLLB code


@cache
def published() -> Published:
    """Return the contents of ``published.yaml``."""
    return read_card(Path(__file__).with_name("published.yaml"), Published)


def base_name(task: str) -> str:
    """Return the name of the task that a variant such as ``coco-itm-rephrased`` belongs to."""
    for suffix in _VARIANTS:
        task = task.removesuffix(suffix)
    return task


def task_of(folder: str) -> str | None:
    """Return the published name of the task in a folder, or None if it is unknown.

    Folder names are inconsistent (``vqav2``, ``visual_dialog``, ``itm``).
    """
    return _tasks_by_folder().get(_alphanumeric(folder))


def language(code: str) -> str | None:
    """Return the BCP 47 tag of a language code in a file name, or None.

    A code is one of the 80 tags, or a FLORES/NLLB code (``zho_Hans``).
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
def _tasks_by_folder() -> dict[str, str]:
    names = {_alphanumeric(name): name for name in published().tasks}
    for name, task in published().tasks.items():
        names.update({_alphanumeric(folder): name for folder in task.folder_aliases})
    return names


def _alphanumeric(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
