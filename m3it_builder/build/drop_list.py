"""Rows left out by name: lists of ids, as ``m3it dedup`` writes them.

A list is Parquet or JSON Lines; of its columns ``task``, ``split`` and ``id`` are
read. What is listed becomes a reject with the reason ``dropped``, after sample and
limit are taken: rows that moved up would be rows nobody has compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
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
    return {
        row_id: each.path.name
        for each in lists
        for *named, row_id in _lines(each)
        if tuple(named) == unit
    }


def dropped_digest(lists: Iterable[DropList], unit: tuple[str, str]) -> str:
    """Return a digest of what lists say of one unit; empty where they say nothing.

    Units that a list does not speak of then stay as they are when it comes or changes.

    Raises:
        BuildError: as for ``listed``.
    """
    # A reject tells the name of its list, so names are part of what comes out.
    said = [(each.path.name, _digests(each).get(unit)) for each in lists]
    return ", ".join(f"{name}: {digest}" for name, digest in said if digest)


@lru_cache(16)
def _digests(each: DropList) -> Mapping[tuple[str, str], str]:
    """Return a digest of the ids of each unit, in one pass over the list."""
    units: dict[tuple[str, str], Any] = {}
    for task, split, row_id in _lines(each):
        digest = units.setdefault((task, split), blake2b(digest_size=16))
        digest.update(f"{row_id}\0".encode(errors="surrogatepass"))
    return {unit: digest.hexdigest() for unit, digest in units.items()}


def _lines(each: DropList) -> Iterator[tuple[str, str, str]]:
    """Yield task, split and id of every row of a list."""
    if _digest(each.path) != each.digest:
        raise BuildError(f"{each.path} has changed since the build began; repeat the command")
    rows = _from_parquet if each.path.suffix == ".parquet" else _from_jsonl
    for number, line in enumerate(rows(each.path), 1):
        if not all(isinstance(value, str) for value in line) or line[1] not in SPLITS:
            odd = ", ".join(map(repr, line))[:120]
            raise _no_list(each.path, f"row {number} is {odd}; ids are texts, splits {_SPLITS}")
        yield line


def _from_parquet(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(_COLUMNS)):
                yield from zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True)
    except (ValueError, LookupError, OSError) as error:
        raise _no_list(path, str(error)) from error


def _from_jsonl(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    import orjson

    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = orjson.loads(line)
                yield value["task"], value["split"], value["id"]
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
