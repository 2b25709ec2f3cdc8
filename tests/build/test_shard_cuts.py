"""Content-defined cutting: bounds, stability under insertion, complete coverage."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.build.shard_cuts import cuts, target_rows


def ends(sizes: list[int], ids: list[str]) -> set[str]:
    """Return the last id of each shard."""
    return {ids[end - 1] for end in accumulate(sizes)}


@given(st.integers(0, 3_000), st.integers(1, 200))
def test_sizes_are_bounded_and_cover_all_rows(count: int, target: int) -> None:
    sizes = list(cuts((str(n) for n in range(count)), target))
    assert sum(sizes) == count
    assert all(max(1, target // 2) <= size <= 2 * target for size in sizes[:-1])
    assert all(0 < size <= 2 * target for size in sizes)


def test_an_inserted_row_rarely_moves_a_cut() -> None:
    """Insert a row at each of 300 positions: in nearly all cases no cut moves."""
    ids = [f"row-{n}" for n in range(6_000)]
    before = ends(list(cuts(ids, 100)), ids)
    moved = 0
    for position in range(0, 6_000, 20):
        more = [*ids[:position], f"new-{position}", *ids[position:]]
        after = ends(list(cuts(more, 100)), more)
        moved += bool((before - after) or (after - before))
    assert moved <= 15, "expected about 2 in 150 insertions"


def test_mean_shard_has_the_target_size() -> None:
    ids = [str(n) for n in range(200_000)]
    target = target_rows(256e6, 200_000, 200_000 * 120_000)
    sizes = list(cuts(ids, target))
    mean_bytes = 120_000 * sum(sizes[:-1]) / len(sizes[:-1])
    assert 0.88 * 256e6 < mean_bytes < 1.12 * 256e6


@pytest.mark.parametrize("extra", [1, 7, 100])
def test_target_rarely_changes_with_a_few_rows(extra: int) -> None:
    shifts = sum(
        target_rows(256e6, n, n * 100_003) != target_rows(256e6, n + extra, n * 100_003 + extra * 9)
        for n in range(10_000, 1_000_000, 10_007)
    )
    assert shifts <= 3


def test_empty() -> None:
    assert list(cuts([], 10)) == []
    assert target_rows(1e6, 0, 0) > 0
