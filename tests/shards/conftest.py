"""Fixtures of the shard tests."""

from __future__ import annotations

import pytest

from tests.support.shards import shrink_limits


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups and pages so small that a few rows fill several."""
    shrink_limits(monkeypatch)
