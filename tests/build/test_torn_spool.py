"""A spool that was damaged between two runs is filled again."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.progress import Silent
from m3it_builder.tasks.sampling import write_sample
from tests.support import building
from tests.support.building import (
    interrupt,
)
from tests.support.interventions import between_shards
from tests.support.paths import tree

PLAN = replace(building.PLAN, formats=("webdataset",))
build = partial(building.build, plan=PLAN)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 30 examples of OK-VQA: four shards."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(load_task("okvqa"), folder, 30)
    return folder


@dataclass
class Notes(Silent):
    """Collects the notes of a build."""

    notes: list[str] = field(default_factory=list)

    def note(self, message: str) -> None:
        self.notes.append(message)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def truncate_a_little(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 4096)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zero_all_but_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + bytes(path.stat().st_size - 4096))


def zero_a_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = data.rfind(b"COCO_train2014") // 4096 * 4096
    data[start : start + 4096] = bytes(4096)
    path.write_bytes(data)


def garble_the_header(path: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(100) + path.read_bytes()[100:])


def flip_a_text(path: Path) -> None:
    """Change a letter, which SQLite cannot notice."""
    data = bytearray(path.read_bytes())
    position = data.rfind(b"COCO_train2014")
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("stop", ["plan", "kill"])
@pytest.mark.parametrize(
    "tear",
    [
        truncate,
        truncate_a_little,
        empty,
        zero_all_but_the_header,
        zero_a_page,
        garble_the_header,
        flip_a_text,
    ],
)
def test_torn_spool_is_filled_again_once(
    sample: Path,
    tmp_path: Path,
    stop: str,
    tear: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(sample, tmp_path / "undisturbed")
    out, progress = tmp_path / "out", Notes()
    if stop == "plan":
        build(sample, out, plan_only=True)
    else:
        with monkeypatch.context() as patch:
            between_shards(patch, interrupt)
            with pytest.raises(KeyboardInterrupt):
                build(sample, out)
    (spool,) = out.rglob("spool.sqlite")
    spool.chmod(0o644)
    tear(spool)
    build(sample, out, progress=progress)
    assert tree(out) == tree(tmp_path / "undisturbed")
    # Damage of a finished shard is not noticed: its rows are not read again.
    is_local = tear in (zero_a_page, flip_a_text)
    assert len(progress.notes) == 1 or (is_local and stop == "kill"), progress.notes
    assert all("filling it again" in note for note in progress.notes)
    assert build(sample, out).status == "up to date"
