"""Instruction pools and class names as they lie beside the published rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m3it_builder.adopt.published import task_of
from m3it_builder.adopt.scan import require_file
from m3it_builder.errors import SourceError

_TEXT_KEYS = ("instruction", "instructions", "text")
_TASK_KEYS = ("task", "dataset", "name", "config")
_SYNSET = re.compile(r"n\d{8}\s+")


def read_pool(path: Path, task: str) -> tuple[str, ...]:
    """Return the instructions of a task: distinct, stripped, in the order of the file.

    A pool is a JSON list of strings; a file for one language may hold those of
    several tasks, by name or a line each.

    Args:
        path: JSON, or JSON Lines.
        task: published name, for files that hold several.

    Raises:
        SourceError: the file cannot be read, or holds no instruction of the task.
    """
    texts = [text.strip() for value in _values(path) for text in _instructions(value, task)]
    pool = tuple(dict.fromkeys(filter(None, texts)))
    if not pool:
        raise SourceError(f"{path}: holds no instruction of {task}; download it again")
    return pool


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the names of classes in the order of their numbers, from 0.

    A file is a text with a name a line, behind a synset perhaps, or a JSON list, or
    a JSON object of names by number.

    Raises:
        SourceError: the file is none of these.
    """
    if path.suffix == ".txt":
        lines = _decoded(path).splitlines()
        return tuple(_SYNSET.sub("", line).strip() for line in lines if line.strip())
    (value, *_) = _values(path)
    if isinstance(value, dict):
        value = _by_number(path, value)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise SourceError(f"{path}: no list of class names")
    return tuple(value)


def _by_number(path: Path, names: dict[str, Any]) -> list[Any]:
    try:
        by_number = {int(number): name for number, name in names.items()}
        return [by_number[number] for number in range(len(by_number))]
    except (ValueError, KeyError):
        pass
    try:  # names to numbers
        by_number = {int(number): name for name, number in names.items()}
        return [by_number[number] for number in range(len(by_number))]
    except (ValueError, TypeError, KeyError) as error:
        raise SourceError(f"{path}: its classes are not numbered from 0") from error


def _values(path: Path) -> list[Any]:
    """Return the one value of a JSON file, or that of each line."""
    text = _decoded(path)
    try:
        return [json.loads(text)]
    except ValueError as whole:
        values = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                values += [json.loads(line)] if line.strip() else []
            except ValueError as error:
                where = f"line {number}" if values else str(whole)
                raise SourceError(f"{path}: not valid JSON ({where})") from error
        return values


def _decoded(path: Path) -> str:
    require_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not UTF-8 text ({error.reason} at {error.start})") from error


def _instructions(value: Any, task: str) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _instructions(item, task)
    elif isinstance(value, dict):
        named = [value[key] for key in _TASK_KEYS if isinstance(value.get(key), str)]
        if named and all((task_of(name) or name) != task for name in named):
            return
        by_task = [inner for key, inner in value.items() if (task_of(key) or key) == task]
        for inner in by_task or [value[key] for key in _TEXT_KEYS if key in value]:
            yield from _instructions(inner, task)
