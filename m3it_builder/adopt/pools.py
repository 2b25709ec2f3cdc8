"""Read the instruction pools and class names that accompany published rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from m3it_builder.adopt.published import task_of
from m3it_builder.adopt.scan import require_content
from m3it_builder.errors import SourceError
from m3it_builder.storage.regular_files import open_regular

if TYPE_CHECKING:
    from pydantic import JsonValue

_MAX_BYTES = 64 << 20  # of a file, which is read as a whole
_TEXT_KEYS = ("instruction", "instructions", "text")
_TASK_KEYS = ("task", "dataset", "name", "config")
_SYNSET = re.compile(r"n\d{8}\s+")


def read_pool(path: Path, task: str) -> tuple[str, ...]:
    """Return the instructions of a task: distinct, stripped, in file order.

    A pool is a JSON list of strings, or a JSON Lines file. The file of a language may
    hold the pools of several tasks, as an object by task name or as one object per line.

    Args:
        path: JSON or JSON Lines.
        task: published name, for files with several tasks.

    Raises:
        SourceError: the file cannot be read, or has no instruction for the task.
    """
    texts = [text.strip() for value in _read_values(path) for text in _instructions(value, task)]
    pool = tuple(dict.fromkeys(filter(None, texts)))
    if not pool:
        raise SourceError(f"{path}: no instructions for {task}; download it again")
    return pool


def read_labels(path: Path) -> tuple[str, ...]:
    """Return class names by class number, from 0.

    A file is text with one name per line, optionally after a synset id, or JSON: a list,
    or an object that maps number to name or name to number.

    Raises:
        SourceError: the file is none of these.
    """
    if path.suffix == ".txt":
        lines = _read_text(path).splitlines()
        return tuple(_SYNSET.sub("", line).strip() for line in lines if line.strip())
    values = _read_values(path)
    value = values[0] if values else None
    names = _by_number(path, value) if isinstance(value, dict) else value
    if not isinstance(names, list):
        raise _not_class_names(path)
    return tuple(_class_name(path, name) for name in names)


def _by_number(path: Path, table: dict[str, JsonValue]) -> list[JsonValue]:
    """Return the names of a table, which maps number to name or name to number."""
    pairs: list[tuple[JsonValue, JsonValue]] = list(table.items())
    inverted = [(value, key) for key, value in pairs]
    for candidates in (pairs, inverted):
        try:
            names = {_class_number(number): name for number, name in candidates}
            return [names[number] for number in range(len(names))]
        except (ValueError, OverflowError, KeyError):
            continue
    raise SourceError(
        f"{path}: class numbers are not consecutive integers from 0; download it again"
    )


def _class_number(value: JsonValue) -> int:
    if isinstance(value, str | int | float):
        return int(value)
    raise ValueError


def _class_name(path: Path, value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _not_class_names(path)
    return value


def _not_class_names(path: Path) -> SourceError:
    return SourceError(f"{path}: not a list of class names; download it again")


def _read_values(path: Path) -> list[JsonValue]:
    """Return the single value of a JSON file, or one value per line."""
    text = _read_text(path)
    try:
        return [json.loads(text)]
    except ValueError as not_json:
        values: list[JsonValue] = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                values += [json.loads(line)] if line.strip() else []
            except ValueError as error:
                details = f"line {number}" if values else str(not_json)
                raise SourceError(
                    f"{path}: not valid JSON ({details}); download it again"
                ) from error
        return values


def _read_text(path: Path) -> str:
    require_content(path)
    with open_regular(path) as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise SourceError(
            f"{path}: more than {_MAX_BYTES >> 20} MiB, too much for instructions or class names; "
            "download it again"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path}: not UTF-8 ({error.reason} at byte {error.start}); download it again"
        ) from error


def _instructions(value: JsonValue, task: str) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _instructions(item, task)
    elif isinstance(value, dict):
        names = [name for key in _TASK_KEYS if isinstance(name := value.get(key), str)]
        if names and all((task_of(name) or name) != task for name in names):
            return
        by_task = [inner for key, inner in value.items() if (task_of(key) or key) == task]
        for inner in by_task or [value[key] for key in _TEXT_KEYS if key in value]:
            yield from _instructions(inner, task)
