"""Drop lists: ids of rows to leave out of a build, as written by ``m3it dedup``.

A list is a Parquet or JSON Lines file with the columns ``task``, ``split`` and ``id``; others
are ignored. A listed row becomes a reject with the reason ``dropped``, after sample and limit
have been applied: rows that replaced it would not have been searched for duplicates.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from m3it_builder.errors import BuildError, UsageError
from m3it_builder.records import SPLITS
from m3it_builder.storage.digest import file_digest
from m3it_builder.storage.json_values import loads

_COLUMNS = ("task", "split", "id")
_SPLITS = " / ".join(SPLITS)


@dataclass(frozen=True, slots=True)
class DropList:
    """A drop list, identified by the digest of its content."""

    path: Path
    digest: str  # BLAKE3


def drop_list(path: Path) -> DropList:
    """Return the drop list at a path.

    Raises:
        UsageError: the file does not exist, or has another suffix than .parquet or .jsonl.
        BuildError: it cannot be read.
    """
    if not os.path.lexists(path):
        raise UsageError(f"{path}: there is no such drop list; `m3it dedup` writes one")
    if path.suffix not in (".parquet", ".jsonl"):
        raise UsageError(f"{path}: the name of a drop list must end in .parquet or .jsonl")
    return DropList(path, _digest(path))


def listed(lists: Iterable[DropList], unit: tuple[str, str]) -> dict[str, str]:
    """Return the listed ids of one unit, each with the file name of its list.

    Args:
        lists: all drop lists of the build.
        unit: task and split.

    Raises:
        BuildError: a list is malformed, cannot be read, or has changed since the build began.
    """
    return {
        row_id: drops.path.name
        for drops in lists
        for task, split, row_id in _rows(drops)
        if (task, split) == unit
    }


def dropped_digest(lists: Iterable[DropList], unit: tuple[str, str]) -> str:
    """Return the digests of the listed ids of one unit, by list; empty if it has none.

    A unit therefore stays up to date when a list without any of its rows is added or changed.

    Raises:
        BuildError: as for ``listed``.
    """
    # File names are included, because the details of rejects contain them.
    digests = [(drops.path.name, _digests(drops).get(unit)) for drops in lists]
    return ", ".join(f"{name}: {digest}" for name, digest in digests if digest)


@lru_cache(16)
def _digests(drops: DropList) -> Mapping[tuple[str, str], str]:
    """Return a digest of the ids of each unit, reading the list once."""
    units: dict[tuple[str, str], Any] = {}
    for task, split, row_id in _rows(drops):
        digest = units.setdefault((task, split), blake2b(digest_size=16))
        digest.update(f"{row_id}\0".encode(errors="surrogatepass"))
    return {unit: digest.hexdigest() for unit, digest in units.items()}


def _rows(drops: DropList) -> Iterator[tuple[str, str, str]]:
    """Yield task, split and id of every row of a list."""
    path = drops.path
    if _digest(path) != drops.digest:
        raise BuildError(f"{path}: changed since the build began; repeat the command")
    read = _from_parquet if path.suffix == ".parquet" else _from_jsonl
    for number, row in enumerate(read(path), 1):
        if not all(isinstance(value, str) for value in row) or row[1] not in SPLITS:
            values = ", ".join(map(repr, row))[:120]
            raise _malformed(
                path, f"row {number} is {values}; ids must be strings, splits {_SPLITS}"
            )
        yield row


def _from_parquet(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(_COLUMNS)):
                yield from zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True)
    except (ValueError, LookupError, OSError) as error:
        raise _malformed(path, str(error)) from error


def _from_jsonl(path: Path) -> Iterator[tuple[Any, Any, Any]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = loads(line)
                yield value["task"], value["split"], value["id"]
            except (ValueError, LookupError, TypeError) as error:
                raise _malformed(path, f"line {number}") from error


def _malformed(path: Path, detail: str) -> BuildError:
    return BuildError(
        f"{path}: not a drop list with the columns {', '.join(_COLUMNS)} ({detail}); "
        "write one with `m3it dedup`"
    )


def _digest(path: Path) -> str:
    try:
        return file_digest(path, "blake3")
    except OSError as error:
        raise BuildError(f"{path}: the drop list cannot be read ({error.strerror})") from error
