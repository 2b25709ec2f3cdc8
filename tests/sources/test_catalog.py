"""Names are found in every layout; what is missing is named with the remedy."""

from __future__ import annotations

import unicodedata
import zipfile
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from m3it_builder.records import File, Slice
from m3it_builder.sources.catalog import Catalog
from tests.support.source_files import (
    ARCHIVE,
    open_raw,
    source_card,
    write_files,
    write_tar,
    write_zip,
)


@pytest.mark.parametrize("stored", ["tree", "zip", "tar", "renamed zip", "half unpacked"])
def test_names_are_the_same_however_files_are_stored(tmp_path: Path, stored: str) -> None:
    folder = tmp_path / "raw"
    files = ("all.tar",) if stored == "tar" else ("all.zip",)
    if stored == "tree":
        write_files(folder, ARCHIVE)
    elif stored == "tar":
        write_tar(folder / "all.tar", ARCHIVE)
    else:
        write_zip(folder / ("also-x.zip" if stored == "renamed zip" else "all.zip"), ARCHIVE)
    if stored == "half unpacked":
        write_files(folder, {"train/a.jpg": b"A"})
    source = open_raw(tmp_path, files)
    locations = [source.find(f"raw/{name}") for name in ARCHIVE]
    assert [location and location.length for location in locations] == [1, 2, 16]
    assert source.find("raw/train/c.jpg") is None
    assert source.find("raw/../secret") is None
    assert source.json("raw/notes/x.json") == {"rows": [1, 2]}
    assert source.glob("raw/train/*.jpg") == ["raw/train/a.jpg", "raw/train/b.jpg"]


@pytest.mark.parametrize(
    ("layout", "prefix"),
    [(("train/", ""), ""), (("", "repo-*/data/"), "repo-1a2b/data/"), (("", "images/"), "images/")],
)
@pytest.mark.parametrize("is_zip", [False, True])
def test_alternative_layouts(
    tmp_path: Path, layout: tuple[str, str], prefix: str, is_zip: bool
) -> None:
    files = {"a.jpg": b"A"} if layout == ("train/", "") else {"train/a.jpg": b"A"}
    if is_zip:
        write_zip(tmp_path / "raw" / "all.zip", files, prefix)
    else:
        write_files(tmp_path / "raw", files, prefix)
    location = Catalog(source_card(layout), tmp_path).find("train/a.jpg")
    assert isinstance(location, Slice if is_zip else File)


def test_glob_in_an_alternative_layout(tmp_path: Path) -> None:
    write_files(tmp_path / "raw" / "images", {"1.jpg": b"1", "2.jpg": b"2"})
    names = Catalog(source_card(("train/", "images/")), tmp_path).glob("train/*.jpg")
    assert names == ["train/1.jpg", "train/2.jpg"]


def test_unusable_member_fails_only_when_opened(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plain.txt", "one", zipfile.ZIP_DEFLATED)
        archive.writestr("bzip2.txt", "two" * 99, zipfile.ZIP_BZIP2)
    source = open_raw(tmp_path)
    assert list(source.text("raw/plain.txt")) == ["one"]
    with pytest.raises(SourceError, match="unpack the archive beside it"):
        list(source.text("raw/bzip2.txt"))
    write_files(tmp_path / "raw", {"bzip2.txt": b"unpacked"})
    assert list(open_raw(tmp_path).text("raw/bzip2.txt")) == ["unpacked"]


def test_annotation_files_are_found_in_any_folder_of_their_archive(tmp_path: Path) -> None:
    write_zip(tmp_path / "raw" / "all.zip", {"some/where/q.json": b"{}", "x/1.jpg": b"1"})
    source = open_raw(tmp_path)
    assert source.json("raw/q.json") == {}
    assert source.find("raw/1.jpg") is None, "an image must be where its name says"
    with pytest.raises(SourceError, match=r"searched all\.zip"):
        source.json("raw/other.json")


def test_names_that_cannot_exist_are_not_found(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "loop").symlink_to("loop")
    source = open_raw(tmp_path)
    for name in ("x" * 300 + ".jpg", "loop", "loop/a.jpg", "\ud800.jpg"):
        assert source.find(f"raw/{name}") is None


def test_unicode_normalization(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {unicodedata.normalize("NFD", "café.jpg"): b"1"})
    assert open_raw(tmp_path).find("raw/" + unicodedata.normalize("NFC", "café.jpg"))


def test_missing_file_names_the_archive_it_comes_from(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {"other.json": b"{}"})
    with pytest.raises(SourceError, match=r"raw/q\.json is missing.*all\.zip.*m3it fetch raw"):
        open_raw(tmp_path).json("raw/q.json")


def test_compressed_tar_must_be_repacked(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {"all.tar.gz": b""})
    with pytest.raises(SourceError, match="m3it fetch raw --repack"):
        open_raw(tmp_path, files=("all.tar.gz",)).json("raw/q.json")
    catalog = Catalog(source_card(files=("all.tar.gz",)), tmp_path)
    assert catalog.needs_repack()
    write_files(tmp_path / "raw", {"q.json": b"{}"})
    assert not catalog.needs_repack()


def test_file_stats(tmp_path: Path) -> None:
    catalog = Catalog(source_card(files=("all.zip", "list.json.gz")), tmp_path)
    assert catalog.is_empty()
    assert catalog.file_stats() == {}
    write_files(tmp_path / "raw", {"list.json": b"[]", "also-1.zip": b"", "other": b""})
    assert not catalog.is_empty()
    stats = catalog.file_stats()
    assert {name: size for name, (size, *_) in stats.items()} == {
        "raw/also-1.zip": 0,
        "raw/list.json": 2,
    }


def test_loose_files_are_no_folders_to_search(tmp_path: Path) -> None:
    """With a hundred thousand images in the folder, each lookup would try them all."""
    card = load_task("ocr-vqa").sources["ocr-vqa-images"]
    folder = tmp_path / card.name
    (folder / "covers").mkdir(parents=True)
    for number in range(20):
        (folder / f"{number}.jpg").write_bytes(b"x")
    catalog = Catalog(card, tmp_path)
    assert set(catalog._top_folders()) == {"covers"}
    assert catalog.find("images/7.jpg")
