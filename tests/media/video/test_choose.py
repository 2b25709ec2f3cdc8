"""Sampling rules: which frames of a video are selected."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.media.video import RULES, Rule, choose


@given(st.integers(1, 40), st.integers(1, 5_000), st.sampled_from(RULES))
def test_indices_ascend_within_the_clip(count: int, total: int, rule: Rule) -> None:
    times = [n / 25 for n in range(total)]
    indices = choose(count, total, rule, times)
    assert len(indices) == count
    assert indices == sorted(indices)
    assert indices[0] >= 0
    assert indices[-1] < total
    if total >= 2 * count:
        steps = [b - a for a, b in pairwise(indices)]
        assert not steps or max(steps) - min(steps) <= 2, "the steps are equal up to rounding"
    if rule == "ends" and count > 1:
        assert (indices[0], indices[-1]) == (0, total - 1)
    if rule == "inner" and total > count + 1:
        assert indices[0] > 0
        assert indices[-1] < total - 1


@given(st.lists(st.floats(0.01, 2), min_size=1, max_size=60), st.integers(1, 12))
def test_rule_times_selects_the_displayed_frame(gaps: list[float], count: int) -> None:
    times = [5.0]
    for gap in gaps:
        times.append(times[-1] + gap)
    indices = choose(count, len(times), "times", times)
    length = times[-1] - times[0]
    for position, index in enumerate(indices):
        moment = times[0] + length * (position + 0.5) / count
        displayed_until = times[index + 1] if index + 1 < len(times) else times[-1]
        assert times[index] <= moment + 1e-9
        assert moment <= displayed_until + 1e-9


@pytest.mark.parametrize(
    ("rule", "indices"),
    [
        ("ends", [0, 4, 9, 13, 18, 22, 27, 31]),
        ("inner", [3, 7, 10, 14, 17, 21, 24, 28]),
        ("middles", [2, 6, 10, 14, 18, 22, 26, 30]),
    ],
)
def test_eight_of_thirty_two_frames(rule: Rule, indices: list[int]) -> None:
    assert choose(8, 32, rule) == indices
