"""The second reader of archives: zips in parts, damaged ones, and bounded memory."""

from __future__ import annotations

import io
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from m3it_builder.verify import zip_excerpt
from m3it_builder.verify.second_reader import ARCHIVE_ERRORS, walk
from tests.support.archives import pax_tar, set_zip_sizes


def contents(path: Path) -> dict[str, bytes]:
    """Return the files that can be read, by name."""
    found = {}
    for one in walk(path):
        try:
            with one.open() as file:
                found[one.name] = file.read()
        except ARCHIVE_ERRORS:
            continue
    return found


def write_zip(path: Path, count: int, method: int = zipfile.ZIP_DEFLATED) -> dict[str, bytes]:
    files = {f"a/{number}.bin": b"%d " % number * 40 for number in range(count)}
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a/", b"")
        for name, data in files.items():
            archive.writestr(name, data)
    return files


@pytest.mark.parametrize("entries", [1, 3, 10, 10_000])
@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\nexit 1\n"])
def test_a_zip_in_parts_is_the_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: int, before: bytes
) -> None:
    monkeypatch.setattr(zip_excerpt, "_ENTRIES", entries)
    path = tmp_path / "a.zip"
    files = write_zip(path, 9)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK\x05\x06" + bytes(60)
    path.write_bytes(before + path.read_bytes())
    assert contents(path) == files


def test_entries_that_zipfile_refuses_are_left_out_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    files = write_zip(path, 20)
    set_zip_sizes(path, "a/3.bin", 40, 4_000_000_000)  # zipfile reads to the real end
    data = bytearray(path.read_bytes())
    position = data.rfind(b"a/7.bin") - 46
    struct.pack_into("<H", data, position + 6, 99)  # needs version 9.9
    path.write_bytes(data)
    del files["a/7.bin"]
    assert contents(path) == files


@pytest.mark.parametrize("damage", [b"", b"PK no zip", b"PK\x05\x06" + bytes(18)])
def test_damaged_zips_are_one_error_or_empty(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(damage)
    try:
        assert contents(path) == {}
    except ARCHIVE_ERRORS as error:
        assert "zip" in str(error)
    files = write_zip(path, 9)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ARCHIVE_ERRORS):
        contents(path)
    assert files


@pytest.mark.parametrize("records", [{"size": "-1536"}, {"size": "-1"}, {"size": "9" * 40}])
def test_lying_tars_end(tmp_path: Path, records: dict[str, str]) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(pax_tar(records))
    with pytest.raises(ARCHIVE_ERRORS):
        contents(path)


def test_memory_does_not_grow_with_members(tmp_path: Path) -> None:
    peaks = []
    for count in (2_000, 20_000):
        for suffix in ("zip", "tar"):
            path = tmp_path / f"{count}.{suffix}"
            write_members(path, count)
            tracemalloc.start()
            assert sum(1 for _ in walk(path)) == count
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    _, small_tar, large_zip, large_tar = peaks
    assert large_tar < small_tar * 1.5 + 1e6
    assert large_zip < 20e6, "10,000 entries of its directory at a time"


def write_members(path: Path, count: int) -> None:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(count):
                archive.writestr(f"images/{number:08d}.jpg", b"x")
        return
    with tarfile.open(path, "w") as tar:
        for number in range(count):
            entry = tarfile.TarInfo(f"images/{number:08d}.jpg")
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
