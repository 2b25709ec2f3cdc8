"""FIFOs where files are expected: named at once, never opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from m3it_builder.build.builder import Build
from m3it_builder.errors import Failure
from tests.support import published
from tests.support.adoption import PLAN, adopt_tasks

pytestmark = pytest.mark.timeout(30)

ROW = {"image_str": published.b64(1), "inputs": "a", "outputs": "b"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a task in a download, with one good split."""
    folder = tmp_path / "data" / "vqa" / "gqa"
    published.write_lines(folder / "val.jsonl", [ROW])
    published.write_pool(folder)
    return folder


@pytest.mark.parametrize("name", ["train.jsonl", "train.jsonl.gz", "train.zip"])
def test_rows_in_a_fifo(folder: Path, tmp_path: Path, name: str) -> None:
    os.mkfifo(folder / name)
    build = Build(sources=tmp_path, out=tmp_path / "out", plan=PLAN)
    failures = {
        result.unit: str(result.error)
        for result in adopt_tasks(tmp_path, build)
        if isinstance(result, Failure)
    }
    assert failures == {
        "gqa/train": f"{folder / name}: a FIFO where a regular file is expected; "
        "put the file itself there"
    }


def test_instructions_in_a_fifo(folder: Path, tmp_path: Path) -> None:
    (folder / "instructions.json").unlink()
    os.mkfifo(folder / "instructions.json")
    build = Build(sources=tmp_path, out=tmp_path / "out", plan=PLAN)
    (failure,) = adopt_tasks(tmp_path, build)
    assert isinstance(failure, Failure)
    assert "instructions.json: a FIFO where a regular file is expected" in str(failure.error)


def test_loading_script_in_a_fifo_is_not_read(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "M3IT.py")
    build = Build(sources=tmp_path, out=tmp_path / "out", plan=PLAN)
    (report,) = adopt_tasks(tmp_path, build)
    assert not isinstance(report, Failure)


def test_instructions_of_any_size_are_not_loaded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m3it_builder.adopt.pools._MAX_BYTES", 1 << 20)
    (folder / "instructions.json").write_bytes(b'["' + b"a" * (2 << 20) + b'"]')
    build = Build(sources=tmp_path, out=tmp_path / "out", plan=PLAN)
    (failure,) = adopt_tasks(tmp_path, build)
    assert isinstance(failure, Failure)
    assert "more than 1 MiB, too much for instructions" in str(failure.error)
