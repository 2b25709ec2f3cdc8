"""Fixtures of the command-line tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.tasks.sampling import write_sample


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Write a sample source of OK-VQA and return its folder."""
    write_sample(load_task("okvqa"), tmp_path / "src", 20)
    return tmp_path / "src"
