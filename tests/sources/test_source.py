"""``Source``: the formats of annotation files, and the messages for malformed ones."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from m3it_builder.errors import ConverterError, SourceError
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.source import Source
from tests.support.source_files import open_raw, source_card, write_files


def test_streams(tmp_path: Path) -> None:
    write_files(
        tmp_path / "raw",
        {
            "q.json": b'\xef\xbb\xbf{"info": {}, "rows": [{"n": 1.5}, {"n": 2}], "none": []}',
            "relisted.json": b'[{"id": "07", "n": 1}, {"id": 8}]',
            "list.json": b"[1, 2, 3]",
            "map.json": b'{"a": 1, "b": 2}',
            "lines.json": b'{"n": 1}\n\n{"n": 2}',
            "t.csv": '\ufeffx,text\r\n1,"a ""quoted""\nline"\r\n2,é\r\n'.encode(),
            "t.tsv": b'a "quote\tb\n',
            "words.txt": "één\r\ntwee".encode(),
        },
    )
    (tmp_path / "raw" / "compressed.json.gz").write_bytes(gzip.compress(b'{"rows": [7]}'))
    source = open_raw(tmp_path)
    assert list(source.items("raw/q.json", "rows")) == [{"n": 1.5}, {"n": 2}]
    assert list(source.items("raw/q.json", "none")) == []
    assert list(source.items("raw/list.json")) == [1, 2, 3]
    assert list(source.items("raw/compressed.json", "rows")) == [7]
    assert dict(source.entries("raw/map.json")) == {"a": 1, "b": 2}
    assert list(source.keys("raw/q.json")) == ["info", "rows", "none"]
    assert list(source.keys("raw/q.json", "info")) == []
    assert dict(source.entries("raw/map.json", field="id")) == {"a": 1, "b": 2}
    listed = list(source.entries("raw/relisted.json", field="id"))
    assert listed == [("07", {"id": "07", "n": 1}), ("8", {"id": 8})]
    assert list(source.jsonl("raw/lines.json")) == [{"n": 1}, {"n": 2}]
    rows = list(source.csv("raw/t.csv"))
    assert rows == [{"x": "1", "text": 'a "quoted"\nline'}, {"x": "2", "text": "é"}]
    assert list(source.tsv("raw/t.tsv")) == [['a "quote', "b"]]
    assert list(source.text("raw/words.txt")) == ["één", "twee"]
    assert source.json("raw/q.json")["none"] == []


@pytest.mark.parametrize(
    ("name", "data", "method", "message"),
    [
        (
            "a.json",
            b'{"rows": [{"n": 1}, {"n"',
            "items",
            r"raw/a\.json \(record 1 of rows\).*truncated",
        ),
        ("a.json", b'{"other": []}', "items", "raw/a.json has no array 'rows'"),
        ("a.json", b'{"rows": [{"n": 1}]}', "entries", "raw/a.json has an element without 'id'"),
        ("a.json", b"<html>quota</html>", "items", "raw/a.json: cannot be read"),
        ("a.json", b'{"rows"', "json", "raw/a.json: cannot be read"),
        ("a.json", b'{"n": 1}\n{"n": \n', "jsonl", "raw/a.json line 2: cannot be read"),
        ("a.csv", b"x,y\n1,2\n3\n", "csv", "raw/a.csv line 3.*number of cells"),
        ("a.txt", b"fine\n\xff\xfe\n", "text", "raw/a.txt line 2: cannot be read"),
    ],
)
def test_error_names_file_and_record(
    tmp_path: Path, name: str, data: bytes, method: str, message: str
) -> None:
    write_files(tmp_path / "raw", {name: data})
    source: Any = open_raw(tmp_path)
    arguments = {"items": ("rows",), "entries": ("rows", "id")}.get(method, ())
    with pytest.raises(SourceError, match=message):
        result = getattr(source, method)(f"raw/{name}", *arguments)
        list(result)


def test_position_is_the_record_read_last(tmp_path: Path) -> None:
    write_files(
        tmp_path / "raw", {"a.json": b'{"rows": [1, 2], "map": {"k": 1}}', "a.txt": b"1\n2\n"}
    )
    source = open_raw(tmp_path)
    assert source.position == ""
    next(source.items("raw/a.json", "rows"))
    assert source.position == "raw/a.json (record 1 of rows)"
    next(source.entries("raw/a.json", "map"))
    assert source.position == "raw/a.json (key 'k')"
    list(source.text("raw/a.txt"))
    assert source.position == "raw/a.txt (line 2)"
    assert source.names_read == {"raw/a.json", "raw/a.txt"}


def test_one_value_is_read_without_the_rest_of_the_file(tmp_path: Path) -> None:
    files = {"a.json": b'{"info": {"kinds": {"a": [1, 2]}}, "rows": [{"n": 1}, {"n"'}
    write_files(tmp_path / "raw", files)
    source = open_raw(tmp_path)
    assert source.item("raw/a.json", "info.kinds") == {"a": [1, 2]}
    assert source.position == "raw/a.json (info.kinds)"
    with pytest.raises(SourceError, match="truncated or corrupt"):
        source.item("raw/a.json", "rows")
    write_files(tmp_path / "raw", {"b.json": b'{"rows": []}'})
    with pytest.raises(SourceError, match=r"b\.json has no value 'info'"):
        source.item("raw/b.json", "info")


def test_array_and_object_are_not_confused(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {"a.json": b'{"list": [], "map": {}, "full": {"a": 1}}'})
    source = open_raw(tmp_path)
    assert list(source.items("raw/a.json", "list")) == []
    assert list(source.entries("raw/a.json", "map")) == []
    for name in ("map", "full", "none"):
        with pytest.raises(SourceError, match=f"has no array '{name}'"):
            list(source.items("raw/a.json", name))
    with pytest.raises(SourceError, match="has no object 'list'"):
        list(source.entries("raw/a.json", "list"))
    with pytest.raises(SourceError, match="has no object 'list'"):
        list(source.keys("raw/a.json", "list"))


@pytest.mark.parametrize("method", ["jsonl", "json", "text", "csv", "items"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "web page"])
def test_corrupt_gzip(tmp_path: Path, method: str, damage: str) -> None:
    lines = b"".join(b'{"n": %d}\n' % n for n in range(3_000))
    text = b"[%b]" % lines.replace(b"\n", b",")[:-1] if method == "items" else lines
    compressed = gzip.compress(text)
    if damage == "cut":
        compressed = compressed[: len(compressed) // 2]
    elif damage == "flipped":
        compressed = compressed[:500] + bytes(40) + compressed[540:]
    else:
        compressed = b"<html>quota</html>"
    write_files(tmp_path / "raw", {"a.json.gz": compressed})
    with pytest.raises(SourceError, match=r"raw/a\.json.*download it again"):
        list(getattr(open_raw(tmp_path), method)("raw/a.json"))


def test_values_that_strict_json_rejects(tmp_path: Path) -> None:
    write_files(tmp_path / "raw", {"a.json": b'{"n": NaN, "s": "\\ud83d"}'})
    (row,) = open_raw(tmp_path).jsonl("raw/a.json")
    assert row["n"] != row["n"]
    assert row["s"] == "\ud83d"


def test_undeclared_source(tmp_path: Path) -> None:
    """A path without source id is the usual cause: the message says how names begin."""
    message = (
        r"t/train reads 'videos/v0.mp4', but a name begins with the id of a source, .*only raw"
    )
    for read in (open_raw(tmp_path).json, open_raw(tmp_path).find):
        with pytest.raises(ConverterError, match=message):
            read("videos/v0.mp4")


def test_options_and_split(tmp_path: Path) -> None:
    catalogs = {"raw": Catalog(source_card(), tmp_path)}
    source = Source(catalogs, "validation", task="t", options={"size": 3})
    assert (source.task, source.split, source.file_split) == ("t", "validation", "val")
    assert source.option("size") == 3
    message = "the card declares no option 'sampling'; declared: size; add it under 'options'"
    with pytest.raises(ConverterError, match=message):
        source.option("sampling")


def test_a_split_field_with_an_unknown_name_is_an_error(tmp_path: Path) -> None:
    source = Source({"raw": Catalog(source_card(), tmp_path)}, "validation", task="t")
    assert source.in_split("val")
    assert source.in_split("validation")
    assert source.in_split("dev", {"dev": "validation"})
    assert not source.in_split("restval", {"restval": "train"})
    assert not source.in_split("test")
    for value in ("Val", "restval", "", None, 1, ["val"]):
        with pytest.raises(ValueError, match=r"is none of train, val, validation, test"):
            source.in_split(value)
