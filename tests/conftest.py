"""What all tests share: no installed plugins, no environment of the developer's, genuine slices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["M3IT_PLUGINS"] = "0"  # installed tasks must not change the result of our tests
for _name in ("M3IT_SOURCES", "M3IT_LEDGER"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "fixtures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected.json files")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture(autouse=True)
def _quiet_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
