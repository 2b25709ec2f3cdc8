"""Multi30k: later test sets, pairs of languages, and files that are not aligned."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import CardError, SourceError
from m3it_builder.records import Instance
from tests.support.conversion import convert
from tests.support.paths import FIXTURES

SOURCE = FIXTURES / "multi30k" / "source"
WITHOUT_CZECH = {("en", "de"), ("de", "en"), ("en", "fr"), ("fr", "en"), ("de", "fr"), ("fr", "de")}


def rows_of(**options: str) -> list[Instance]:
    rows, rejects = convert(load_task("multi30k").with_options(options), "test", SOURCE)
    assert not rejects
    return rows


def pairs(rows: list[Instance]) -> set[tuple[str, str]]:
    return {(row.record.meta["from"], row.record.meta["into"]) for row in rows}


def test_lines_of_the_coco_set_name_a_caption() -> None:
    rows = rows_of(test_set="test_2017_mscoco")
    assert pairs(rows) == WITHOUT_CZECH
    assert {(row.record.images[0].name, row.record.meta["caption_id"]) for row in rows} == {
        ("coco-2014-train-images/train2014/COCO_train2014_000000060001.jpg", 367_178),
        ("coco-2014-val-images/val2014/COCO_val2014_000001060002.jpg", 367_179),
    }
    assert "COCO_train2014_000000060001-en-de" in {row.record.id for row in rows}


def test_later_sets_have_other_images() -> None:
    of_2017 = rows_of(test_set="test_2017_flickr")
    of_2018 = rows_of(test_set="test_2018_flickr")
    assert pairs(of_2017) == WITHOUT_CZECH
    assert len(pairs(of_2018)) == 12
    names = {row.record.images[0].name for row in of_2017 + of_2018}
    assert names == {
        "multi30k-images-2017-2018/39000000_4183a49ec2.jpg",
        "multi30k-images-2017-2018/39000001_4183a49ec2.jpg",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"directions": "from_english"}, {("en", "de"), ("en", "fr"), ("en", "cs")}),
        ({"directions": "to_english", "languages": "cs"}, {("cs", "en")}),
        ({"languages": "fr"}, {("en", "fr"), ("fr", "en")}),
    ],
)
def test_pairs_of_languages(options: dict[str, str], expected: set[tuple[str, str]]) -> None:
    rows = rows_of(**options)
    assert pairs(rows) == expected
    assert {row.lang for row in rows} == {into for _, into in expected}


def test_languages_that_are_not_asked_for_are_not_read(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "src")
    (tmp_path / "src" / "multi30k-text" / "raw" / "val.fr.gz").unlink()
    task = load_task("multi30k").with_options({"languages": "de"})
    rows, _ = convert(task, "validation", tmp_path / "src")
    assert pairs(rows) == {("en", "de"), ("de", "en")}


@pytest.mark.parametrize("cut", ["raw/val.de", "image_splits/val.txt"])
def test_files_of_unequal_length(tmp_path: Path, cut: str) -> None:
    shutil.copytree(SOURCE, tmp_path / "src")
    folder = tmp_path / "src" / "multi30k-text"
    if cut.endswith(".txt"):
        (folder / cut).write_text((folder / cut).read_text().splitlines()[0] + "\n")
    else:
        lines = gzip.decompress((folder / f"{cut}.gz").read_bytes()).splitlines()
        (folder / f"{cut}.gz").write_bytes(gzip.compress(lines[0] + b"\n"))
    with pytest.raises(SourceError, match=rf"{cut} ends after line 1 and .*val.* does not"):
        convert(load_task("multi30k"), "validation", tmp_path / "src")


def test_a_test_set_without_czech() -> None:
    german = rows_of(test_set="test_2017_flickr", languages="de")
    assert pairs(german) == {("en", "de"), ("de", "en")}
    with pytest.raises(CardError, match="test_2017_flickr has no Czech"):
        rows_of(test_set="test_2017_flickr", languages="cs")
