"""Which looks are near each other: candidates by 64 bits, confirmed by 256 and by color."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from m3it_builder.dedup.hamming_search import near_pairs
from m3it_builder.dedup.phash import COARSE_BITS, FINE_BITS, THUMB_SIDE, fine_distance, same_colors

_CHUNK = 1 << 20  # pairs confirmed together
_SLICE = 1 << 16  # thumbnails compared together
_THUMB_BYTES = 3 * THUMB_SIDE**2


@dataclass(frozen=True, slots=True)
class Looks:
    """The looks of all images, no two of them equal."""

    coarse: Any  # uint64, (n,), ascending; a value may occur several times
    fine: Any  # uint64, (n, 4)
    thumb: Any  # uint8, (n, 192); may lie on disk


def find_near(base: duckdb.DuckDBPyConnection, distance: int, folder: Path) -> None:
    """Fill the table ``near`` with every pair of looks, the lower number first.

    Args:
        base: with the table ``looks``.
        distance: of the 64 bits, how many may differ.
        folder: for what is written on the way.
    """
    base.execute("CREATE TABLE near (one INTEGER, two INTEGER, bits INTEGER, fine_bits INTEGER)")
    for one, two, bits, fine_bits in confirmed(_looks(base, folder), distance):
        columns = {"one": one, "two": two, "bits": bits, "fine_bits": fine_bits}
        base.register("batch", pa.table(columns))
        base.execute(
            "INSERT INTO near SELECT least(one, two), greatest(one, two), bits, fine_bits"
            " FROM batch"
        )
        base.unregister("batch")


def confirmed(looks: Looks, distance: int) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yield pairs of looks that are near in every respect.

    Args:
        looks: to be searched.
        distance: of the 64 bits, how many may differ.

    Yields:
        Arrays of one length: the two places, and how many bits differ of 64 and of 256.
    """
    values, starts = np.unique(looks.coarse, return_index=True)
    ends = np.append(starts[1:], len(looks.coarse))
    limit = fine_distance(distance)
    same = np.flatnonzero(ends - starts > 1)
    itself = [(same, same, np.zeros(len(same), np.int64))]
    for left, right, bits in chain(itself, near_pairs(values, distance)):
        for one, two, which in _members(starts, ends, left, right):
            differ = np.bitwise_count(looks.fine[one] ^ looks.fine[two]).sum(axis=1, dtype=np.int64)
            keep = np.flatnonzero(differ <= limit)
            keep = keep[_colors(looks.thumb, one[keep], two[keep])]
            if len(keep):
                yield one[keep], two[keep], bits[which[keep]], differ[keep]


def _members(starts: Any, ends: Any, left: Any, right: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the pairs of members of pairs of groups, and which pair of groups they come from."""
    wide = ends[right] - starts[right]
    ordered = np.cumsum((ends[left] - starts[left]) * wide)
    total = int(ordered[-1]) if len(ordered) else 0
    for first in range(0, total, _CHUNK):
        number = np.arange(first, min(first + _CHUNK, total))
        which = np.searchsorted(ordered, number, "right")
        inside = number - np.where(which > 0, ordered[which - 1], 0)
        one = starts[left[which]] + inside // wide[which]
        two = starts[right[which]] + inside % wide[which]
        keep = (left[which] != right[which]) | (one < two)
        yield one[keep], two[keep], which[keep]


def _colors(thumb: Any, one: Any, two: Any) -> Any:
    """Tell which pairs agree in color, some at a time."""
    spans = range(0, len(one), _SLICE)
    agree = [same_colors(thumb[one[a : a + _SLICE]], thumb[two[a : a + _SLICE]]) for a in spans]
    return np.concatenate([np.empty(0, bool), *agree])


def _looks(base: duckdb.DuckDBPyConnection, folder: Path) -> Looks:
    """Return the looks of the database; thumbnails are mapped from a file."""
    names = ("coarse", "fine", "thumb")
    paths = {name: folder / f"{name}.bytes" for name in names}
    rows = base.execute("SELECT coarse, fine, thumb FROM looks ORDER BY look")
    with (
        paths["coarse"].open("wb") as coarse,
        paths["fine"].open("wb") as fine,
        paths["thumb"].open("wb") as thumb,
    ):
        while batch := rows.fetchmany(10_000):
            coarse.write(np.array([row[0] for row in batch], np.uint64).tobytes())
            fine.write(b"".join(row[1] for row in batch))
            thumb.write(b"".join(row[2] for row in batch))
    words = np.fromfile(paths["fine"], np.uint64).reshape(-1, FINE_BITS // COARSE_BITS)
    mapped = (
        np.memmap(paths["thumb"], np.uint8, "r").reshape(-1, _THUMB_BYTES)
        if len(words)
        else np.empty((0, _THUMB_BYTES), np.uint8)  # an empty file cannot be mapped
    )
    return Looks(np.fromfile(paths["coarse"], np.uint64), words, mapped)
