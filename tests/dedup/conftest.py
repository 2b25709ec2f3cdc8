from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.tasks.registry import Task
from tests.support.duplicates import Row, encode, make_task, scene


@pytest.fixture
def planted_tasks(tmp_path: Path) -> list[Task]:
    """Return two tasks that share two images byte for byte and two in another encoding."""
    first = [Row(f"a{n}", (encode(scene(n)),), f"What is number {n}?") for n in range(30)]
    # One image in five rows, as in a caption task.
    first += [Row(f"a0-{n}", (encode(scene(0)),), f"And caption {n}?") for n in range(4)]
    second = [
        Row("v0", (encode(scene(0)),), "The same bytes"),
        Row("v1", (encode(scene(100)), encode(scene(1))), "The second image is the same"),
        Row("v2", (encode(scene(2), quality=40),), "Of lower quality"),
        Row("v3", (encode(scene(3).resize((48, 36)), "PNG"),), "Smaller, and a PNG"),
        Row("v4", (encode(scene(104)),), "An image of its own"),
        Row("v5", (), "Without any image"),
    ]
    sources = tmp_path / "src"
    return [
        make_task(sources, "one", train=first),
        make_task(sources, "two", validation=second),
    ]
