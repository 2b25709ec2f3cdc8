"""Find pairs of near-duplicate hashes: candidates by 64 bits, confirmed by 256 and by color."""

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

_CHUNK = 1 << 20  # pairs confirmed at once
_THUMB_CHUNK = 1 << 16  # pairs of thumbnails compared at once
_THUMB_BYTES = 3 * THUMB_SIDE**2


@dataclass(frozen=True, slots=True)
class HashArrays:
    """The distinct perceptual hashes of all images."""

    coarse: Any  # uint64, (n,), ascending; values may repeat
    fine: Any  # uint64, (n, 4)
    thumb: Any  # uint8, (n, 192); may be memory-mapped


def find_near_duplicates(database: duckdb.DuckDBPyConnection, distance: int, folder: Path) -> None:
    """Create the table ``near_phashes``: every pair of near-duplicates, the lower number first.

    Args:
        database: with the table ``phashes``.
        distance: differing bits of the 64, at most.
        folder: for temporary files.
    """
    database.execute(
        "CREATE TABLE near_phashes (left_phash INTEGER, right_phash INTEGER, distance INTEGER,"
        " fine_distance INTEGER)"
    )
    for one, two, bits, fine_bits in confirmed_pairs(_load(database, folder), distance):
        columns = {"one": one, "two": two, "bits": bits, "fine_bits": fine_bits}
        database.register("batch", pa.table(columns))
        database.execute(
            "INSERT INTO near_phashes SELECT least(one, two), greatest(one, two), bits, fine_bits"
            " FROM batch"
        )
        database.unregister("batch")


def confirmed_pairs(hashes: HashArrays, distance: int) -> Iterator[tuple[Any, Any, Any, Any]]:
    """Yield pairs of hashes that are near in 64 bits, in 256 bits and in color.

    Args:
        hashes: to be searched.
        distance: differing bits of the 64, at most.

    Yields:
        Four arrays of equal length: two positions, and the differing bits of 64 and of 256.
    """
    values, starts = np.unique(hashes.coarse, return_index=True)
    ends = np.append(starts[1:], len(hashes.coarse))
    max_fine = fine_distance(distance)
    # Hashes of equal 64 bits form a group; the search compares groups, so that it sees each
    # value once. Groups of several members are also paired with themselves.
    several = np.flatnonzero(ends - starts > 1)
    within = [(several, several, np.zeros(len(several), np.int64))]
    for left, right, bits in chain(within, near_pairs(values, distance)):
        for one, two, group_pair in _member_pairs(starts, ends, left, right):
            differing = hashes.fine[one] ^ hashes.fine[two]
            fine_bits = np.bitwise_count(differing).sum(axis=1, dtype=np.int64)
            keep = np.flatnonzero(fine_bits <= max_fine)
            keep = keep[_same_colors(hashes.thumb, one[keep], two[keep])]
            if len(keep):
                yield one[keep], two[keep], bits[group_pair[keep]], fine_bits[keep]


def _member_pairs(starts: Any, ends: Any, left: Any, right: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the pairs of members of pairs of groups, and the position of their pair of groups."""
    widths = ends[right] - starts[right]
    pair_ends = np.cumsum((ends[left] - starts[left]) * widths)
    total = int(pair_ends[-1]) if len(pair_ends) else 0
    for first in range(0, total, _CHUNK):
        number = np.arange(first, min(first + _CHUNK, total))
        group_pair = np.searchsorted(pair_ends, number, "right")
        offset = number - np.where(group_pair > 0, pair_ends[group_pair - 1], 0)
        one = starts[left[group_pair]] + offset // widths[group_pair]
        two = starts[right[group_pair]] + offset % widths[group_pair]
        keep = (left[group_pair] != right[group_pair]) | (one < two)
        yield one[keep], two[keep], group_pair[keep]


def _same_colors(thumb: Any, one: Any, two: Any) -> Any:
    """Return which pairs have the same colors, chunk by chunk to bound memory."""
    chunks = [slice(start, start + _THUMB_CHUNK) for start in range(0, len(one), _THUMB_CHUNK)]
    same = [same_colors(thumb[one[chunk]], thumb[two[chunk]]) for chunk in chunks]
    return np.concatenate([np.empty(0, bool), *same])


def _load(database: duckdb.DuckDBPyConnection, folder: Path) -> HashArrays:
    """Return the hashes of the database; thumbnails are memory-mapped from a file."""
    names = ("coarse", "fine", "thumb")
    paths = {name: folder / f"{name}.bytes" for name in names}
    rows = database.execute("SELECT coarse, fine, thumb FROM phashes ORDER BY phash")
    with (
        paths["coarse"].open("wb") as coarse,
        paths["fine"].open("wb") as fine,
        paths["thumb"].open("wb") as thumb,
    ):
        while batch := rows.fetchmany(10_000):
            coarse.write(np.array([row[0] for row in batch], np.uint64).tobytes())
            fine.write(b"".join(row[1] for row in batch))
            thumb.write(b"".join(row[2] for row in batch))
    fine_bits = np.fromfile(paths["fine"], np.uint64).reshape(-1, FINE_BITS // COARSE_BITS)
    thumbs = (
        np.memmap(paths["thumb"], np.uint8, "r").reshape(-1, _THUMB_BYTES)
        if len(fine_bits)
        else np.empty((0, _THUMB_BYTES), np.uint8)  # an empty file cannot be mapped
    )
    return HashArrays(np.fromfile(paths["coarse"], np.uint64), fine_bits, thumbs)
