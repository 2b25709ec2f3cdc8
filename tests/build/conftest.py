"""Fixtures of the build tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 120 examples of OK-VQA and of NLVR; shared by tests that do not change them."""
    folder = tmp_path_factory.mktemp("sample")
    for name in ("okvqa", "nlvr"):
        write_sample(load_task(name), folder, 120)
    return folder


@pytest.fixture
def sources(sample: Path, tmp_path: Path) -> Path:
    """Return a copy of the sample for a test that changes its files."""
    return Path(shutil.copytree(sample, tmp_path / "sources"))
