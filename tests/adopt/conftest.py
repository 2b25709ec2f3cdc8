"""Small downloads of M3IT and M3IT-80, adopted once per test session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import published
from tests.support.adoption import adopt_all


@pytest.fixture(scope="session")
def download(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.write_m3it(tmp_path_factory.mktemp("M3IT"))


@pytest.fixture(scope="session")
def download_80(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.write_m3it_80(tmp_path_factory.mktemp("M3IT-80"))


@pytest.fixture(scope="session")
def adopted(download: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    adopt_all(download, out)
    return out


@pytest.fixture(scope="session")
def adopted_80(download_80: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out80")
    adopt_all(download_80, out)
    return out
