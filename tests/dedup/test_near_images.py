"""Candidates are confirmed by the 256-bit hash."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.dedup.near_images import HashArrays, confirmed_pairs


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), min_size=1, max_size=25))
def test_candidates_are_confirmed_by_the_finer_hash(values: list[tuple[int, int]]) -> None:
    values = sorted(set(values))
    coarse = np.array([c for c, _ in values], np.uint64)
    fine = np.array([[(1 << (16 * f)) - 1 & (2**64 - 1), 0, 0, 0] for _, f in values], np.uint64)
    thumb = np.random.default_rng(0).integers(0, 256, (1, 192), np.uint8).repeat(len(values), 0)
    expected = set()
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            fine_bits = sum(
                (int(a) ^ int(b)).bit_count() for a, b in zip(fine[i], fine[j], strict=True)
            )
            if (int(coarse[i]) ^ int(coarse[j])).bit_count() <= 1 and fine_bits <= 29:
                expected.add((i, j))
    found = [
        (min(i, j), max(i, j))
        for one, two, _, _ in confirmed_pairs(HashArrays(coarse, fine, thumb), 1)
        for i, j in zip(one.tolist(), two.tolist(), strict=True)
    ]
    assert sorted(found) == sorted(expected)
