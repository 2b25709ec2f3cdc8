"""All pairs of 64-bit hashes that differ in few bits: exact, in memory that stays small.

Of hashes that differ in at most d bits, one of m bands differs in at most d // m
(the pigeonhole): the first ``d % m + 1`` bands are searched to that radius,
the others to one less. A band is sorted once; for every way its bits may
differ, each bucket is laid against its partner, millions of pairs at a time.
Where two buckets are so full that this would take long, what lies in them is
searched by the bits of the other bands, with what is left of the distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Pairs = tuple[Any, Any]  # two arrays of int64: places in the array of hashes

_BAND_BITS = 16
_CHUNK = 1 << 20  # pairs looked at together
_CROWDED = 1 << 24  # pairs of two buckets, above which other bands are asked


@dataclass(frozen=True, slots=True)
class _Band:
    bits: tuple[int, ...]  # places in the hash
    mask: Any  # uint64 with those bits set
    radius: int


def near_pairs(hashes: Any, distance: int) -> Iterator[tuple[Any, Any, Any]]:
    """Yield every pair of hashes that differ in at most so many bits, once.

    Args:
        hashes: array of uint64, (n,), all different.
        distance: bits that may differ, 0 to 63.

    Yields:
        Arrays of one length: places of the one, places of the other, bits that differ.
    """
    for left, right in _search(hashes, _dealt(hashes), distance):
        yield left, right, np.bitwise_count(hashes[left] ^ hashes[right])


def _dealt(hashes: Any) -> list[int]:
    """Return the places of the bits, dealt so that every band gets even and uneven ones."""
    if not len(hashes):
        return list(range(64))
    shares = [abs(float(np.mean((hashes >> np.uint64(bit)) & np.uint64(1))) - 0.5)
              for bit in range(64)]  # fmt: skip
    ranked = sorted(range(64), key=shares.__getitem__)
    return [bit for band in range(4) for bit in ranked[band::4]]


def _search(
    hashes: Any, bits: Sequence[int], distance: int, is_part: bool = False
) -> Iterator[Pairs]:
    """Search by some of the bits; a part of a crowd is not divided again, one band is enough."""
    bands = _bands(bits, distance)
    for number, band in enumerate(bands):
        rest = [] if is_part else [bit for bit in bits if bit not in band.bits]
        for left, right in _in_band(hashes, band, rest, distance):
            differ = hashes[left] ^ hashes[right]
            keep = np.ones(len(left), bool)
            for earlier in bands[:number]:  # which has found the pair already
                keep &= np.bitwise_count(differ & earlier.mask) > earlier.radius
            yield left[keep], right[keep]


def _bands(bits: Sequence[int], distance: int) -> list[_Band]:
    count = max(1, len(bits) // _BAND_BITS)
    radius, rest = divmod(distance, count)
    bands = []
    for number in range(count):
        own = tuple(bits[number * _BAND_BITS : (number + 1) * _BAND_BITS])
        mask = np.uint64(sum(1 << bit for bit in own))
        reach = radius if number <= rest else radius - 1
        if reach >= 0:
            bands.append(_Band(own, mask, reach))
    return bands


def _in_band(hashes: Any, band: _Band, rest: Sequence[int], distance: int) -> Iterator[Pairs]:
    """Yield pairs within the distance whose bits of one band differ within its radius."""
    keys = _keys(hashes, band.bits)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], hashes[order]
    buckets = np.arange(1 << len(band.bits))
    starts = np.searchsorted(keys, np.append(buckets, buckets[-1] + 1))
    sizes = np.diff(starts)
    mask = np.uint64(sum(1 << bit for bit in rest))
    places = np.arange(len(keys))
    for change, flips in _changes(len(band.bits), min(band.radius, distance)):
        partners = buckets ^ change
        crowded = (sizes * sizes[partners] > _CROWDED) & (buckets <= partners) & bool(rest)
        for bucket in np.flatnonzero(crowded):
            spans = [np.arange(starts[b], starts[b + 1]) for b in {bucket, bucket ^ change}]
            members = np.concatenate(spans)
            for one, two in _search(values[members] & mask, rest, distance - flips, True):
                left, right = members[one], members[two]
                cross = (keys[left] != keys[right]) | (change == 0)
                yield order[left[cross]], order[right[cross]]
        other = keys ^ change
        first = places + 1 if change == 0 else starts[other]
        count = np.where((keys <= other) & ~crowded[keys], starts[other + 1] - first, 0)
        for left, right in _laid_out(first, count, values, distance):
            yield order[left], order[right]


def _keys(hashes: Any, bits: Sequence[int]) -> Any:
    keys = np.zeros(len(hashes), np.int64)
    for place, bit in enumerate(bits):
        keys |= ((hashes >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) << place
    return keys


def _changes(width: int, radius: int) -> Iterator[tuple[int, int]]:
    """Yield every way at most so many bits differ, with their number."""
    for flips in range(min(radius, width) + 1):
        for places in combinations(range(width), flips):
            yield sum(1 << place for place in places), flips


def _laid_out(first: Any, count: Any, values: Any, distance: int) -> Iterator[Pairs]:
    """Yield the near ones among (i, first[i] … first[i] + count[i] - 1), chunk by chunk."""
    rows = np.flatnonzero(count > 0)
    first, count = first[rows], count[rows]
    ends = np.cumsum(count)
    at = 0
    while at < len(rows):
        done = ends[at - 1] if at else 0
        stop = max(at + 1, int(np.searchsorted(ends, done + _CHUNK, "right")))
        repeats = count[at:stop]
        total = int(ends[stop - 1] - done)
        shift = first[at:stop] - (ends[at:stop] - repeats - done)
        right = np.arange(total) + np.repeat(shift, repeats)
        differ = np.repeat(values[rows[at:stop]], repeats) ^ values[right]
        near = np.flatnonzero(np.bitwise_count(differ) <= distance)
        owner = np.searchsorted(ends[at:stop] - done, near, "right")
        yield rows[at:stop][owner], right[near]
        at = stop
