"""The archive index: built once, rebuilt when the archive or the index itself changes."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from m3it_builder.errors import SourceError
from m3it_builder.sources.archive_index import INDEX_FOLDER, ArchiveIndex
from m3it_builder.sources.catalog import Catalog
from tests.support.source_files import ARCHIVE, source_card, write_zip


def stored_index(sources: Path) -> Path:
    (database,) = (sources / INDEX_FOLDER).iterdir()
    return database


def test_index_is_reused_and_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    write_zip(path, {"a": b"1"})
    assert ArchiveIndex(path, tmp_path).find("a")
    built = stored_index(tmp_path).stat().st_mtime_ns
    assert ArchiveIndex(path, tmp_path).find("a")
    assert stored_index(tmp_path).stat().st_mtime_ns == built, "not built again"
    write_zip(path, {"b": b"2"})
    os.utime(path, ns=(1, 1))
    assert ArchiveIndex(path, tmp_path).find("b")
    assert stored_index(tmp_path), "the stale index is gone"


def test_read_only_sources(tmp_path: Path) -> None:
    """The index goes to the user's cache; a file in the way acts as a read-only mount."""
    write_zip(tmp_path / "raw" / "all.zip", {"a": b"1"})
    (tmp_path / INDEX_FOLDER).write_bytes(b"")
    assert ArchiveIndex(tmp_path / "raw" / "all.zip", tmp_path).find("a")
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "m3it" / "index"
    assert any(cache.glob("raw-all.zip-*.sqlite"))


@pytest.mark.parametrize("damage", [b"", b"not a database, but long enough to be one" * 99])
def test_corrupt_index_is_rebuilt(tmp_path: Path, damage: bytes) -> None:
    write_zip(tmp_path / "raw" / "all.zip", ARCHIVE)
    assert Catalog(source_card(), tmp_path).find("train/a.jpg")
    database = stored_index(tmp_path)
    assert database.stat().st_mode & 0o044 == 0o044, "other users may read it"
    database.write_bytes(damage)
    assert Catalog(source_card(), tmp_path).find("train/a.jpg")


def test_no_index_of_a_corrupt_archive(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    write_zip(path, ARCHIVE)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError, match=r"all\.zip: not a complete zip file"):
        ArchiveIndex(path, tmp_path)
    assert list((tmp_path / INDEX_FOLDER).iterdir()) == []


def test_lookups(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    write_zip(path, {**ARCHIVE, "train/deep/a.jpg": b"3", "a%b_c.tar.gz": b"", "top": b""})
    index = ArchiveIndex(path, tmp_path)
    assert index.find("a.jpg") is None
    assert len(index.find_basename("a.jpg")) == 2
    assert [member.length for member in index.find_basename("b.jpg")] == [2]
    assert index.glob("train/*.jpg") == ["train/a.jpg", "train/b.jpg"]
    assert index.contains_tars()
    assert sorted(index.top_folders()) == ["notes", "train"]


def test_later_member_of_a_name_wins(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"first")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a", b"second!")
    member = ArchiveIndex(path, tmp_path).find("a")
    assert member is not None
    assert member.length == len(b"second!")
