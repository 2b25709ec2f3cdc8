"""An isolated environment for all tests, and the option that updates expected results."""

from __future__ import annotations

import os
import tempfile

import pytest
from hypothesis import settings

settings.register_profile("m3it", deadline=None)  # time limits fail on a busy machine
settings.load_profile("m3it")
os.environ["M3IT_PLUGINS"] = "0"  # installed tasks must not change the results of tests
for _name in ("M3IT_SOURCES", "M3IT_LEDGER"):
    os.environ.pop(_name, None)
# Before ``datasets`` is imported, which reads it once: a cache of an earlier run may have other
# rows under the same path.
_hf_home = tempfile.TemporaryDirectory(prefix="m3it-hf-", ignore_cleanup_errors=True)
os.environ["HF_HOME"] = _hf_home.name
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="update the expected.json files")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture(autouse=True)
def _isolated_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
