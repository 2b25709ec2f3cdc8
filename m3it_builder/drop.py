"""Rows left out by name: lists of ids, as ``m3it dedup`` writes them.

A list is Parquet or JSON Lines; of its columns ``task``, ``split`` and ``id`` are
read. What is listed becomes a reject with the reason ``dropped``, after sample and
limit are taken: rows that moved up would be rows nobody has compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3it_builder.errors import BuildError
from m3it_builder.records import SPLITS

_COLUMNS = ("task", "split", "id")
_SPLITS = " / ".join(SPLITS)
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class DropList:
    """One list, known by its content."""

    path: Path
    digest: str  # BLAKE3


def drop_list(path: Path) -> DropList:
    """Return a list by its path.

    Raises:
        BuildError: it is not there, or no list.
    """
    if path.suffix not in (".parquet", ".jsonl"):
        raise BuildError(f"{path}: a list of rows to drop ends in .parquet or .jsonl")
    return DropList(path, _digest(path))


def listed(lists: Iterable[DropList], unit: tuple[str, str]) -> dict[str, str]:
    """Return the ids of a unit that lists name, each with the name of its list.

    Args:
        lists: of rows to leave out.
        unit: task and split; lines about others are passed over.

    Raises:
        BuildError: a list has changed since the build began, or cannot be read.
    """
    return {row_id: each.path.name for each in lists for row_id in _ids(each, unit)}


def _ids(listed: DropList, unit: tuple[str, str]) -> Iterator[str]:
    if _digest(listed.path) != listed.digest:
        raise BuildError(f"{listed.path} has changed since the build began; repeat the command")
    rows = _from_parquet if listed.path.suffix == ".parquet" else _from_jsonl
    for number, line in enumerate(rows(listed.path), 1):
        if not all(isinstance(value, str) for value in line) or line[1] not in SPLITS:
            odd = ", ".join(map(repr, line))[:120]
            raise _no_list(listed.path, f"row {number} is {odd}; ids are texts, splits {_SPLITS}")
        if line[:2] == unit:
            yield line[2]


def _from_parquet(path: Path) -> Iterator[tuple[Any, ...]]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(_COLUMNS)):
                yield from zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True)
    except (ValueError, LookupError, OSError) as error:
        raise _no_list(path, str(error)) from error


def _from_jsonl(path: Path) -> Iterator[tuple[Any, ...]]:
    import orjson

    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
                yield tuple(value[name] for name in _COLUMNS)
            except (ValueError, LookupError, TypeError) as error:
                raise _no_list(path, f"line {number}") from error


def _no_list(path: Path, detail: str) -> BuildError:
    wanted = ", ".join(_COLUMNS)
    return BuildError(
        f"{path}: not a list of rows to drop, with the columns {wanted} ({detail}); "
        "`m3it dedup` writes one"
    )


def _digest(path: Path) -> str:
    from blake3 import blake3

    digest = blake3()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise BuildError(
            f"{path}: the list of rows to drop cannot be read ({error.strerror})"
        ) from error
    return digest.hexdigest()
