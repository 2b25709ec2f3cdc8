"""The search finds every near pair once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from m3it_builder.dedup import hamming_search

# Center and flipped bits of each hash.
HASHES = st.lists(
    st.tuples(st.integers(0, 5), st.lists(st.integers(0, 63), max_size=6)), min_size=1, max_size=40
)


def make_hashes(values: list[tuple[int, list[int]]]) -> Any:
    """Return hashes clustered around a few centers, as those of images are."""
    centers = np.random.default_rng(0).integers(0, 2**64, 6, dtype=np.uint64)
    hashes = [int(centers[c]) ^ sum(1 << bit for bit in set(bits)) for c, bits in values]
    return np.unique(np.array(hashes, np.uint64))


@settings(deadline=None, max_examples=60)
@given(HASHES, st.integers(0, 12))
@example([(0, []), (0, list(range(4)))], 4)
def test_search_equals_comparing_all_pairs(values: list[Any], distance: int) -> None:
    hashes = make_hashes(values)
    expected = {
        (i, j): bits
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if (bits := (int(hashes[i]) ^ int(hashes[j])).bit_count()) <= distance
    }
    for crowded in (1 << 24, 2):  # 2: most pairs of buckets are searched by the other bands
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hamming_search, "_CROWDED", crowded)
            patch.setattr(hamming_search, "_CHUNK", 7)
            patch.setattr(hamming_search, "_BAND_BITS", 8)
            found = [
                ((min(i, j), max(i, j)), bits)
                for arrays in hamming_search.near_pairs(hashes, distance)
                for i, j, bits in zip(*(array.tolist() for array in arrays), strict=True)
            ]
        assert len(found) == len(expected), "every pair once"
        assert dict(found) == expected
