"""Tars with replaced members and hard links are read as unpacking leaves them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from m3it_builder.sources.archive_index import ArchiveIndex
from m3it_builder.sources.members import read_slice

LINK, SYMLINK, FOLDER = tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE
Entry = tuple[str, bytes | str | None, bytes]  # name, content or target, type
REGULAR = tarfile.REGTYPE


def write(path: Path, entries: list[Entry]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, value, kind in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            if isinstance(value, bytes):
                entry.size = len(value)
            elif value is not None:
                entry.linkname = value
            archive.addfile(entry, io.BytesIO(value) if isinstance(value, bytes) else None)


CASES: list[tuple[list[Entry], int]] = [
    ([("a", b"1", REGULAR), ("b", b"2", REGULAR), ("a", "b", LINK)], 1),
    ([("b", b"2", REGULAR), ("a", "b", LINK), ("b", b"3", REGULAR)], 1),
    ([("b", b"2", REGULAR), ("a", "b", LINK), ("c", "./a", LINK), ("b", b"3", REGULAR)], 1),
    ([("b", b"2", REGULAR), ("a", "b", LINK), ("a", b"4", REGULAR), ("c", "a", LINK)], 1),
    ([("a", b"1", REGULAR), ("b", b"2", REGULAR), ("a", "b", SYMLINK)], 1),
    ([("a", b"1", REGULAR), ("a", "b", SYMLINK), ("a", b"5", REGULAR)], 1),
    ([("a", b"1", REGULAR), ("a", None, FOLDER)], 1),
    ([("a", b"1", REGULAR), ("c", "a", LINK)], 0),
]


@pytest.mark.parametrize(("entries", "repeats"), CASES)
def test_the_index_is_what_unpacking_leaves(
    tmp_path: Path, entries: list[Entry], repeats: int
) -> None:
    path = tmp_path / "raw" / "a.tar"
    write(path, entries)
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", str(path), "-C", str(tmp_path / "unpacked")], check=True)
    files = {
        file.name: file.read_bytes()
        for file in (tmp_path / "unpacked").iterdir()
        if file.is_file() and not file.is_symlink()
    }
    index = ArchiveIndex(path, tmp_path)
    found = {name: index.find(name) for name in "abc"}
    assert {name: read_slice(one) for name, one in found.items() if one} == files
    assert index.duplicates()[0] == repeats


def test_links_with_unsafe_names_do_not_refuse_the_tar(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "a.tar"
    write(path, [("../up", "x", SYMLINK), ("/root", None, FOLDER), ("a", b"1", REGULAR)])
    assert ArchiveIndex(path, tmp_path).find("a")
