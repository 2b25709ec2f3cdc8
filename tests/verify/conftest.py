"""Builds shared by all tests of a session; tests damage copies of them."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from m3it_builder.tasks.registry import all_names
from tests.support.verifying import PLAN, build

NEEDS_VIDEO = {"msrvtt-qa"}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return clean builds: 0 to 3 images, drawn boxes, boxes as text, choices, base64."""
    folder = tmp_path_factory.mktemp("verify")
    for name in ("mixed", "okvqa", "refcoco", "refcoco-text", "science-qa"):
        build(folder / "src", folder / "out", name)
    build(folder / "src", folder / "base64", "mixed", replace(PLAN, images="base64"))
    return folder


@pytest.fixture(scope="session")
def every_task(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a folder with sources (one folder per task) and a build of all tasks and variants."""
    folder = tmp_path_factory.mktemp("every")
    names = sorted(all_names() - (set() if find_spec("av") else NEEDS_VIDEO))
    for name in names:
        build(folder / "src", folder / "out", name, count=2)
    return folder, names
