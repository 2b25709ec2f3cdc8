"""The only door to raw files: layouts, packings, and what is said about broken files."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.cards.cards import Layout, SourceCard, SourceFile, SplitCard, TaskCard
from m3it_builder.errors import SourceError
from m3it_builder.records import File, Slice
from m3it_builder.sources.archive_index import INDEX_FOLDER
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.source import Source
from m3it_builder.tasks.registry import Task

ARCHIVE = {"train/a.jpg": b"A", "train/b.jpg": b"BB", "notes/x.json": b'{"rows": [1, 2]}'}


def card(*layouts: tuple[str, str], files: tuple[str, ...] = ("all.zip",)) -> SourceCard:
    return SourceCard(
        name="raw",
        title="Raw",
        license="CC0",
        files=tuple(SourceFile(file=name, manual="ask", accept=("also-*.zip",)) for name in files),
        layouts=tuple(Layout.model_validate({"from": a, "to": b}) for a, b in layouts),
    )


def source(root: Path, files: tuple[str, ...] = ("all.zip",)) -> Source:
    task = Task(
        name="t",
        card=TaskCard(
            name="t",
            title="T",
            group="vqa",
            lang="en",
            homepage="h",
            citation="c",
            license="l",
            image_license="l",
            sources={"raw": "all"},
            splits={"train": SplitCard(rows=1)},
        ),
        instructions=("i",),
        convert=lambda _: iter(()),
        sample=lambda *_: None,
        sources={"raw": card(files=files)},
    )
    return Source(task, "train", root)


def put(folder: Path, files: dict[str, bytes], prefix: str = "") -> None:
    for name, data in files.items():
        path = folder / (prefix + name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def pack_zip(path: Path, files: dict[str, bytes], prefix: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(prefix + name, data)


def pack_tar(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


@pytest.mark.parametrize("how", ["tree", "zip", "tar", "renamed zip", "half unpacked"])
def test_a_name_is_found_however_the_files_lie(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "raw"
    files = ("all.tar",) if how == "tar" else ("all.zip",)
    if how == "tree":
        put(folder, ARCHIVE)
    elif how == "tar":
        pack_tar(folder / "all.tar", ARCHIVE)
    else:
        pack_zip(folder / ("also-x.zip" if how == "renamed zip" else "all.zip"), ARCHIVE)
    if how == "half unpacked":
        put(folder, {"train/a.jpg": b"A"})
    door = source(tmp_path, files)
    places = [door.find(f"raw/{name}") for name in ARCHIVE]
    assert [place and place.length for place in places] == [1, 2, 16]
    assert door.find("raw/train/c.jpg") is None
    assert door.find("raw/../secret") is None
    assert door.json("raw/notes/x.json") == {"rows": [1, 2]}
    assert door.glob("raw/train/*.jpg") == ["raw/train/a.jpg", "raw/train/b.jpg"]


@pytest.mark.parametrize(
    ("layout", "prefix"),
    [(("train/", ""), ""), (("", "repo-*/data/"), "repo-1a2b/data/"), (("", "images/"), "images/")],
)
@pytest.mark.parametrize("packed", [False, True])
def test_other_layouts(tmp_path: Path, layout: tuple[str, str], prefix: str, packed: bool) -> None:
    files = {"a.jpg": b"A"} if layout == ("train/", "") else {"train/a.jpg": b"A"}
    if packed:
        pack_zip(tmp_path / "raw" / "all.zip", files, prefix)
    else:
        put(tmp_path / "raw", files, prefix)
    place = Catalog(card(layout), tmp_path).find("train/a.jpg")
    assert isinstance(place, Slice if packed else File)


def test_listing_is_kept_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    pack_zip(path, {"a": b"1"})
    assert Catalog(card(), tmp_path).find("a")
    (listing,) = (tmp_path / INDEX_FOLDER).iterdir()
    made = listing.stat().st_mtime_ns
    assert Catalog(card(), tmp_path).find("a")
    assert listing.stat().st_mtime_ns == made, "the second look made no new listing"
    pack_zip(path, {"b": b"2"})
    os.utime(path, ns=(1, 1))
    assert Catalog(card(), tmp_path).find("b")
    assert len(list((tmp_path / INDEX_FOLDER).iterdir())) == 1, "the old listing is gone"


def test_sources_that_cannot_be_written_to(tmp_path: Path) -> None:
    """Listings then go to the user's cache; a file in the way stands for a read-only mount."""
    pack_zip(tmp_path / "raw" / "all.zip", {"a": b"1"})
    (tmp_path / INDEX_FOLDER).write_bytes(b"")
    assert Catalog(card(), tmp_path).find("a")
    cached = Path(os.environ["XDG_CACHE_HOME"]) / "m3it" / "index"
    assert any(cached.glob("raw-all.zip-*.sqlite"))


def test_streams(tmp_path: Path) -> None:
    put(
        tmp_path / "raw",
        {
            "q.json": b'\xef\xbb\xbf{"info": {}, "rows": [{"n": 1.5}, {"n": 2}], "none": []}',
            "list.json": b"[1, 2, 3]",
            "map.json": b'{"a": 1, "b": 2}',
            "lines.json": b'{"n": 1}\n\n{"n": 2}',
            "t.csv": '\ufeffx,text\r\n1,"a ""quoted""\nline"\r\n2,é\r\n'.encode(),
            "t.tsv": b'a "quote\tb\n',
            "words.txt": "één\r\ntwee".encode(),
        },
    )
    (tmp_path / "raw" / "packed.json.gz").write_bytes(gzip.compress(b'{"rows": [7]}'))
    door = source(tmp_path)
    assert list(door.items("raw/q.json", "rows")) == [{"n": 1.5}, {"n": 2}]
    assert list(door.items("raw/q.json", "none")) == []
    assert list(door.items("raw/list.json")) == [1, 2, 3]
    assert list(door.items("raw/packed.json", "rows")) == [7]
    assert dict(door.entries("raw/map.json")) == {"a": 1, "b": 2}
    assert list(door.jsonl("raw/lines.json")) == [{"n": 1}, {"n": 2}]
    rows = list(door.csv("raw/t.csv"))
    assert rows == [{"x": "1", "text": 'a "quoted"\nline'}, {"x": "2", "text": "é"}]
    assert list(door.tsv("raw/t.tsv")) == [['a "quote', "b"]]
    assert list(door.text("raw/words.txt")) == ["één", "twee"]
    assert door.json("raw/q.json")["none"] == []


@pytest.mark.parametrize(
    ("name", "data", "read", "said"),
    [
        (
            "a.json",
            b'{"rows": [{"n": 1}, {"n"',
            "items",
            r"raw/a\.json \(record 1 of rows\).*short",
        ),
        ("a.json", b'{"other": []}', "items", "raw/a.json has no list 'rows'"),
        ("a.json", b"<html>quota</html>", "items", "raw/a.json: cannot be read"),
        ("a.json", b'{"rows"', "json", "raw/a.json: cannot be read"),
        ("a.json", b'{"n": 1}\n{"n": \n', "jsonl", "raw/a.json line 2: cannot be read"),
        ("a.csv", b"x,y\n1,2\n3\n", "csv", "raw/a.csv line 3.*number of cells"),
        ("a.txt", b"fine\n\xff\xfe\n", "text", "raw/a.txt line 2: cannot be read"),
    ],
)
def test_broken_files_are_named_with_the_record(
    tmp_path: Path, name: str, data: bytes, read: str, said: str
) -> None:
    put(tmp_path / "raw", {name: data})
    door: Any = source(tmp_path)
    arguments = ("rows",) if read == "items" else ()
    with pytest.raises(SourceError, match=said):
        result = getattr(door, read)(f"raw/{name}", *arguments)
        list(result)


def test_missing_file_says_what_would_bring_it(tmp_path: Path) -> None:
    put(tmp_path / "raw", {"other.json": b"{}"})
    with pytest.raises(SourceError, match=r"raw/q\.json is not there.*all\.zip.*m3it fetch raw"):
        source(tmp_path).json("raw/q.json")


def test_packed_tar_says_repack(tmp_path: Path) -> None:
    put(tmp_path / "raw", {"all.tar.gz": b""})
    with pytest.raises(SourceError, match="m3it fetch raw --repack"):
        source(tmp_path, files=("all.tar.gz",)).json("raw/q.json")


def test_list_and_object_are_not_taken_for_each_other(tmp_path: Path) -> None:
    put(tmp_path / "raw", {"a.json": b'{"list": [], "map": {}, "full": {"a": 1}}'})
    door = source(tmp_path)
    assert list(door.items("raw/a.json", "list")) == []
    assert list(door.entries("raw/a.json", "map")) == []
    for name in ("map", "full", "none"):
        with pytest.raises(SourceError, match=f"has no list '{name}'"):
            list(door.items("raw/a.json", name))
    with pytest.raises(SourceError, match="has no object 'list'"):
        list(door.entries("raw/a.json", "list"))


@pytest.mark.parametrize("read", ["jsonl", "json", "text", "csv", "items"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "web page"])
def test_damaged_gzip(tmp_path: Path, read: str, damage: str) -> None:
    lines = b"".join(b'{"n": %d}\n' % n for n in range(3_000))
    packed = gzip.compress(b"[%b]" % lines.replace(b"\n", b",")[:-1] if read == "items" else lines)
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "flipped":
        packed = packed[:500] + bytes(40) + packed[540:]
    else:
        packed = b"<html>quota</html>"
    put(tmp_path / "raw", {"a.json.gz": packed})
    with pytest.raises(SourceError, match=r"raw/a\.json.*download it again"):
        list(getattr(source(tmp_path), read)("raw/a.json"))


def test_values_that_strict_json_refuses(tmp_path: Path) -> None:
    put(tmp_path / "raw", {"a.json": b'{"n": NaN, "s": "\\ud83d"}'})
    (row,) = source(tmp_path).jsonl("raw/a.json")
    assert row["n"] != row["n"]
    assert row["s"] == "\ud83d"


def test_unusable_member_is_met_only_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "raw" / "all.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("plain.txt", "one", zipfile.ZIP_DEFLATED)
        archive.writestr("odd.txt", "two" * 99, zipfile.ZIP_BZIP2)
    door = source(tmp_path)
    assert list(door.text("raw/plain.txt")) == ["one"]
    with pytest.raises(SourceError, match="unpack the archive beside it"):
        list(door.text("raw/odd.txt"))
    put(tmp_path / "raw", {"odd.txt": b"unpacked"})
    assert list(source(tmp_path).text("raw/odd.txt")) == ["unpacked"]


def test_annotations_in_a_folder_of_their_archive(tmp_path: Path) -> None:
    pack_zip(tmp_path / "raw" / "all.zip", {"some/where/q.json": b"{}", "x/1.jpg": b"1"})
    door = source(tmp_path)
    assert door.json("raw/q.json") == {}
    assert door.find("raw/1.jpg") is None, "an image must be where its name says"
    with pytest.raises(SourceError, match=r"looked into all\.zip"):
        door.json("raw/other.json")


def test_names_that_cannot_exist_are_absent(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    (folder / "loop").symlink_to("loop")
    door = source(tmp_path)
    for name in ("x" * 300 + ".jpg", "loop", "loop/a.jpg", "\ud800.jpg"):
        assert door.find(f"raw/{name}") is None


def test_accents_apart_from_their_letters(tmp_path: Path) -> None:
    put(tmp_path / "raw", {unicodedata.normalize("NFD", "café.jpg"): b"1"})
    assert source(tmp_path).find("raw/" + unicodedata.normalize("NFC", "café.jpg"))


def test_glob_in_another_layout(tmp_path: Path) -> None:
    put(tmp_path / "raw" / "images", {"1.jpg": b"1", "2.jpg": b"2"})
    found = Catalog(card(("train/", "images/")), tmp_path).glob("train/*.jpg")
    assert found == ["train/1.jpg", "train/2.jpg"]


@pytest.mark.parametrize("damage", [b"", b"not a database, but long enough to be one" * 99])
def test_damaged_listing_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    pack_zip(tmp_path / "raw" / "all.zip", ARCHIVE)
    assert Catalog(card(), tmp_path).find("train/a.jpg")
    (listing,) = (tmp_path / INDEX_FOLDER).iterdir()
    assert listing.stat().st_mode & 0o044 == 0o044, "other users may read it"
    listing.write_bytes(damage)
    assert Catalog(card(), tmp_path).find("train/a.jpg")


def test_undeclared_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its card lists only raw"):
        source(tmp_path).json("other/q.json")
