"""All pairs of 64-bit hashes within a Hamming distance: exact, in bounded memory.

If two hashes differ in at most d bits, then in at least one of m bands they differ in at most
d // m (pigeonhole). The first ``d % m + 1`` bands are searched to that radius, the others to
one less. Each band is sorted into buckets once; forevery combination of differing bits within
the radius, each bucket is compared with its partner bucket, a million pairs at a time. Where
both buckets are too full for that, their members are searched by the bits of the other bands,
with the rest of the distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

Pairs = tuple[Any, Any]  # two arrays of int64: positions in the array of hashes

_BAND_BITS = 16
_CHUNK = 1 << 20  # pairs compared at once
_CROWDED = 1 << 24  # pairs of two buckets beyond which the other bands are searched


@dataclass(frozen=True, slots=True)
class _Band:
    bits: tuple[int, ...]  # bit numbers in the hash
    mask: Any  # uint64 with those bits set
    radius: int


def near_pairs(hashes: Any, distance: int) -> Iterator[tuple[Any, Any, Any]]:
    """Yield every pair of hashes within a Hamming distance, each once.

    Args:
        hashes: array of uint64, (n,), without duplicates.
        distance: differing bits, at most; 0 to 63.

    Yields:
        Three arrays of equal length: positions of the first hash, positions of the second, and
        their Hamming distances.
    """
    for left, right in _search(hashes, _order_bits(hashes), distance):
        yield left, right, np.bitwise_count(hashes[left] ^ hashes[right])


def _order_bits(hashes: Any) -> list[int]:
    """Return the bit numbers band by band, balanced and unbalanced bits spread evenly.

    A band made only of bits that are nearly constant would put most hashes into one bucket.
    """
    if not len(hashes):
        return list(range(64))
    imbalance = [abs(float(np.mean((hashes >> np.uint64(bit)) & np.uint64(1))) - 0.5)
                 for bit in range(64)]  # fmt: skip
    ranked = sorted(range(64), key=imbalance.__getitem__)
    return [bit for band in range(4) for bit in ranked[band::4]]


def _search(
    hashes: Any, bits: Sequence[int], distance: int, is_nested: bool = False
) -> Iterator[Pairs]:
    """Yield pairs within the distance, counting only the given bits.

    A nested search, of the members of crowded buckets, does not nest further.
    """
    bands = _bands(bits, distance)
    for number, band in enumerate(bands):
        other_bits = [] if is_nested else [bit for bit in bits if bit not in band.bits]
        for left, right in _band_pairs(hashes, band, other_bits, distance):
            differing = hashes[left] ^ hashes[right]
            keep = np.ones(len(left), bool)
            for earlier in bands[:number]:  # a pair within its radius was found there
                keep &= np.bitwise_count(differing & earlier.mask) > earlier.radius
            yield left[keep], right[keep]


def _bands(bits: Sequence[int], distance: int) -> list[_Band]:
    count = max(1, len(bits) // _BAND_BITS)
    quotient, remainder = divmod(distance, count)
    bands = []
    for number in range(count):
        own = tuple(bits[number * _BAND_BITS : (number + 1) * _BAND_BITS])
        mask = np.uint64(sum(1 << bit for bit in own))
        radius = quotient if number <= remainder else quotient - 1
        if radius >= 0:
            bands.append(_Band(own, mask, radius))
    return bands


def _band_pairs(
    hashes: Any, band: _Band, other_bits: Sequence[int], distance: int
) -> Iterator[Pairs]:
    """Yield pairs within the distance that differ within the radius in the bits of one band."""
    keys = _band_keys(hashes, band.bits)
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], hashes[order]
    buckets = np.arange(1 << len(band.bits))
    starts = np.searchsorted(keys, np.append(buckets, buckets[-1] + 1))
    sizes = np.diff(starts)
    mask = np.uint64(sum(1 << bit for bit in other_bits))
    positions = np.arange(len(keys))
    for flip, flip_count in _flips(len(band.bits), min(band.radius, distance)):
        partners = buckets ^ flip
        crowded = (sizes * sizes[partners] > _CROWDED) & (buckets <= partners) & bool(other_bits)
        for bucket in np.flatnonzero(crowded):
            ranges = [np.arange(starts[b], starts[b + 1]) for b in {bucket, bucket ^ flip}]
            members = np.concatenate(ranges)
            remaining = distance - flip_count
            for one, two in _search(values[members] & mask, other_bits, remaining, True):
                left, right = members[one], members[two]
                # Pairs within one of two different buckets belong to the flip of no bits.
                keep = (keys[left] != keys[right]) | (flip == 0)
                yield order[left[keep]], order[right[keep]]
        partner = keys ^ flip
        first = positions + 1 if flip == 0 else starts[partner]
        count = np.where((keys <= partner) & ~crowded[keys], starts[partner + 1] - first, 0)
        for left, right in _compare_ranges(first, count, values, distance):
            yield order[left], order[right]


def _band_keys(hashes: Any, bits: Sequence[int]) -> Any:
    keys = np.zeros(len(hashes), np.int64)
    for position, bit in enumerate(bits):
        keys |= ((hashes >> np.uint64(bit)) & np.uint64(1)).astype(np.int64) << position
    return keys


def _flips(width: int, radius: int) -> Iterator[tuple[int, int]]:
    """Yield each mask of at most ``radius`` differing bits, and the number of its bits."""
    for count in range(min(radius, width) + 1):
        for positions in combinations(range(width), count):
            yield sum(1 << position for position in positions), count


def _compare_ranges(first: Any, count: Any, values: Any, distance: int) -> Iterator[Pairs]:
    """Yield the near pairs of each i with first[i] … first[i] + count[i] - 1, in chunks."""
    rows = np.flatnonzero(count > 0)
    first, count = first[rows], count[rows]
    ends = np.cumsum(count)
    start = 0
    while start < len(rows):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _CHUNK, "right")))
        repeats = count[start:stop]
        total = int(ends[stop - 1] - done)
        shift = first[start:stop] - (ends[start:stop] - repeats - done)
        right = np.arange(total) + np.repeat(shift, repeats)
        differing = np.repeat(values[rows[start:stop]], repeats) ^ values[right]
        near = np.flatnonzero(np.bitwise_count(differing) <= distance)
        owner = np.searchsorted(ends[start:stop] - done, near, "right")
        yield rows[start:stop][owner], right[near]
        start = stop
