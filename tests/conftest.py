"""What all tests share: a clean environment, the command, and genuine slices of official files."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from m3it_builder.pipeline import Format

os.environ["M3IT_PLUGINS"] = "0"  # installed tasks must not change the result of our tests
for _name in ("M3IT_SOURCES", "M3IT_LEDGER"):
    os.environ.pop(_name, None)

ROOT = Path(__file__).parent.parent
FIXTURES = Path(__file__).parent / "fixtures"
ALL: tuple[Format, ...] = ("arrow", "jsonl", "parquet", "webdataset")

# Genuine slices of official files, where a developer has them; never copied into the project.
REAL = Path(os.environ.get("M3IT_REAL") or ROOT.parent / "shared" / "real")
REAL_SOURCES = {  # source id: folder of the slice that stands for it
    "okvqa-annotations": "okvqa",
    "karpathy-splits": "karpathy/quoted_record",
    "nlvr-annotations": "nlvr/nlvr",
    "nlvr-images": "nlvr",
    "nlvr2-annotations": "nlvr2/nlvr2/data",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected.json files")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def run_m3it(
    *words: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "m3it_builder", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def assert_one_line(done: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    """See that a command failed as foreseen: its status, one clear line, no traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("m3it: ")]
    assert len(lines) == 1, done.stderr
    for words in said:
        assert words in lines[0], f"{words!r} is not in {lines[0]!r}"


def overlay(sources: Path, ids: Iterable[str]) -> Path:
    """Make a source folder of genuine slices; skip the test where they are absent.

    Stand-ins for what is not genuine are written beside them by the test.
    """
    sources.mkdir(parents=True, exist_ok=True)
    for name in ids:
        slice_folder = REAL / REAL_SOURCES[name]
        if not slice_folder.is_dir():
            pytest.skip(f"genuine slice {slice_folder} is not here")
        target = sources / name
        target.mkdir(exist_ok=True)
        for entry in slice_folder.iterdir():
            (target / entry.name).symlink_to(entry)
    return sources


def write_stand_ins(archive: Path, names: Iterable[str], data: bytes) -> None:
    """Write a zip with one stand-in picture under every name the slice refers to."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in names:
            file.writestr(name, data)


def tree(folder: Path) -> dict[str, bytes]:
    """Return every published file below a folder; local state stays out."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".m3it", ".m3it-sample"} & set(path.parts)
    }
