"""Content-defined cutting: bounds, stability under insertion, whole coverage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.build.shard_cuts import cuts, target_rows


def ends(sizes: list[int], ids: list[str]) -> set[str]:
    """Return the id after which each cut falls."""
    at, found = 0, set()
    for size in sizes:
        at += size
        found.add(ids[at - 1])
    return found


@given(st.integers(0, 3_000), st.integers(1, 200))
def test_sizes_are_bounded_and_cover_all(count: int, target: int) -> None:
    sizes = list(cuts((str(n) for n in range(count)), target))
    assert sum(sizes) == count
    assert all(max(1, target // 2) <= size <= 2 * target for size in sizes[:-1])
    assert all(0 < size <= 2 * target for size in sizes)


def test_one_more_row_moves_one_cut_seldom() -> None:
    """Insert a row at each of 300 places: nearly always the cuts stay as they were."""
    ids = [f"row-{n}" for n in range(6_000)]
    before = ends(list(cuts(ids, 100)), ids)
    moved = 0
    for place in range(0, 6_000, 20):
        more = [*ids[:place], f"new-{place}", *ids[place:]]
        after = ends(list(cuts(more, 100)), more)
        moved += bool((before - after) or (after - before))
    assert moved <= 15, "expected about 2 in 150 insertions"


def test_mean_shard_is_as_asked() -> None:
    ids = [str(n) for n in range(200_000)]
    target = target_rows(256e6, 200_000, 200_000 * 120_000)
    sizes = list(cuts(ids, target))
    mean_bytes = 120_000 * sum(sizes[:-1]) / len(sizes[:-1])
    assert 0.88 * 256e6 < mean_bytes < 1.12 * 256e6


@pytest.mark.parametrize("extra", [1, 7, 100])
def test_target_does_not_shift_with_a_few_rows(extra: int) -> None:
    shifts = sum(
        target_rows(256e6, n, n * 100_003) != target_rows(256e6, n + extra, n * 100_003 + extra * 9)
        for n in range(10_000, 1_000_000, 10_007)
    )
    assert shifts <= 3


def test_empty() -> None:
    assert list(cuts([], 10)) == []
    assert target_rows(1e6, 0, 0) > 0
