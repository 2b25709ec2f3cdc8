"""Preallocation of disk blocks: used for large files, released afterwards, never required."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from m3it_builder.storage import preallocate as module
from m3it_builder.storage.output import Output


def recorded_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Return the list of fallocate calls to come; all succeed and none does anything."""
    calls: list[tuple[int, ...]] = []

    def fallocate(*arguments: int) -> int:
        calls.append(arguments)
        return 0

    monkeypatch.setattr(module, "_fallocate", lambda: fallocate)
    return calls


def test_blocks_are_preallocated_and_released(tmp_path: Path) -> None:
    path = tmp_path / "file"
    output = Output(path)
    output.write_all([b"x" * 300_000] * 10)
    state = path.stat()
    assert state.st_size == 3_000_000, "preallocation does not change the file size"
    if state.st_blocks * 512 < 16 << 20:
        pytest.skip("this file system does not preallocate")
    output.write(bytes(20 << 20))
    assert path.stat().st_blocks * 512 >= 20 << 20
    output.close()
    after = path.stat()
    assert after.st_size == output.size == 3_000_000 + (20 << 20)
    assert after.st_blocks * 512 - after.st_size < 1 << 20


def test_small_files_are_not_preallocated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = recorded_calls(monkeypatch)
    for size, count in ((900_000, 0), (5_000_000, 1), (40_000_000, 3)):
        output = Output(tmp_path / "file")
        for _ in range(size // 100_000):
            output.write(bytes(100_000))
        output.close()
        assert len(calls) == count, size
        calls.clear()


@pytest.mark.parametrize("missing", ["C library", "fallocate", "free blocks"])
def test_systems_without_preallocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def load(name: object) -> object:
        if missing == "C library":
            raise OSError(name)
        return object()

    if missing == "free blocks":  # reported by the return value of the call
        monkeypatch.setattr(module, "_fallocate", lambda: lambda *_: -1)
    else:
        monkeypatch.setattr(module, "_fallocate", module._fallocate.__wrapped__)
        monkeypatch.setattr(ctypes, "CDLL", load)
    output = Output(tmp_path / "file")
    output.write_all([b"ab" * 700_000] * 3)
    output.close()
    assert (tmp_path / "file").read_bytes() == b"ab" * 2_100_000


def test_nearly_full_disk_is_not_preallocated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = recorded_calls(monkeypatch)
    monkeypatch.setattr(module, "_MIN_FREE_BYTES", 1 << 80)
    output = Output(tmp_path / "file")
    output.write(bytes(5_000_000))
    output.close()
    assert calls == []
