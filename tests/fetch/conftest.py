"""Downloads without pauses, and never through a proxy."""

from __future__ import annotations

import pytest

from m3it_builder.fetch import transfer


@pytest.fixture(autouse=True)
def _immediate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
