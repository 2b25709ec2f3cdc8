"""The HTML report shows what it is given, escaped, and loads nothing."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from m3it_builder.dedup.html_report import is_leak, write_html
from m3it_builder.dedup.samples import Sample, Side
from tests.support.duplicates import Row, build_tasks, compare, encode, make_task, scene

HOSTILE = "<script>alert('x')</script><img src=x onerror=\"alert(1)\">\"'&</style>{{ 7 * 7 }}"
THUMBNAIL = "data:image/jpeg;base64,AAAA"


class Page(HTMLParser):
    """The texts and elements of a page, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def images(self) -> list[str | None]:
        return [attributes["src"] for tag, attributes in self.elements if tag == "img"]


def counts(left: str, right: str, kind: str) -> dict[str, Any]:
    names = {"left": left, "right": right, "kind": kind}
    return {**names, "pairs": 1234, "left_rows": 5, "right_rows": 6}


def report(name: str, unreadable: int = 1) -> dict[str, Any]:
    """Return the content of a ``report.json`` with one text wherever the data decide."""
    return {
        "settings": {
            "distance": 8, "fine_distance": 64, "ngram": 13, "share": 0.5, "keep": "evaluation",
        },
        "units": [{"unit": name, "rows": 3000, "distinct_images": 7}],
        "images": {
            "distinct": 41, "in_rows": 42, "decoded": 41, "cached": 0, "flat": 43,
            "unreadable": unreadable,
            "unreadable_listed": [{"unit": name, "id": name, "image": 0, "reason": name}],
        },
        "shared": [counts(f"{name}/train", f"{name}/test", "exact"), counts(name, name, "text")],
        "dropped": [{"unit": name, "reason": name, "rows": 2000}],
    }  # fmt: skip


def write(path: Path, content: dict[str, Any], samples: list[Sample]) -> Page:
    write_html(path / "report.html", content, samples)
    return Page((path / "report.html").read_text(encoding="utf-8"))


def test_every_text_is_escaped(tmp_path: Path) -> None:
    side = Side(HOSTILE, HOSTILE, 1, THUMBNAIL + '" onload="alert(1)', HOSTILE, HOSTILE)
    samples = [Sample("near", side, side, 3, None), Sample("text", side, side, None, 0.75)]
    page = write(tmp_path, report(HOSTILE), samples)
    tags = {tag for tag, _ in page.elements}
    assert "script" not in tags
    assert page.images == [side.thumbnail] * 4, "no image but the thumbnails"
    assert {name for _, attributes in page.elements for name in attributes} == {
        "alt", "charset", "class", "content", "data-head", "href", "id", "lang", "name", "src",
    }  # fmt: skip
    # Shared counts 4 times, drop list twice, unreadable images 3 times, 4 texts on 4 sides.
    assert page.text.count(HOSTILE) == 4 + 2 + 3 + 16, "shown as it is, never as markup"


def test_content(tmp_path: Path) -> None:
    left = Side("one/train", "a1", 2, THUMBNAIL, "Which one?\nThis one?", "that one")
    right = Side("two/test", "b1", 0, "", "", "yes")
    samples = [Sample("near", left, right, 3, None), Sample("text", left, right, None, 0.75)]
    page = write(tmp_path, report("one/train", unreadable=1_002), samples)
    text = " ".join(page.text.split())
    for expected in (
        "at most 8 of 64 and 64 of 256 bits of their perceptual hashes differ",
        "at least 50% of the 13-word n-grams",
        "Keep policy of the drop list: evaluation.",
        "3,000rows", "41distinct images", "42image occurrences", "2,000rows to drop",
        "43flat images, compared by digest only", "1,002unreadable images",
        "1,234 FROM 'pairs.parquet' WHERE left_unit = 'one/train/train' AND "
        "right_unit = 'one/train/test' AND kind = 'exact' 5 6",
        "m3it build --drop drop.parquet",
        "near-duplicate, 3 of 64 bits differ", "text overlap, 75%",
        "a1, image 2 Which one? This one?that one", "b1 yes",
        "And 1,001 more.",
    ):  # fmt: skip
        assert expected in text, text
    assert page.images == [THUMBNAIL] * 2
    assert "white-space: pre-wrap" in page.text, "line breaks of texts are shown"


def test_lines_are_sorted_linked_and_queried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line with most pairs is first; a line leads to its samples and to all its pairs."""
    left, right = (f"it's {split}: one/{split}" for split in ("train", "test"))
    content = report("one/train")
    content["shared"] = [
        counts(left, right, "exact") | {"pairs": 3},
        counts(left, right, "near") | {"pairs": 8_121},
        counts(left, right, "text") | {"pairs": 200},
    ]
    one, two = (Side(unit, "1", 0, "", "", "") for unit in (left, right))
    page = write(tmp_path, content, [Sample("near", one, two, 1, None)])
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    ids = [attributes["id"] for tag, attributes in page.elements if "id" in attributes]
    assert links == [f"#{ids[0]}"]
    texts = [text.strip() for text in page.texts]
    assert [text for text in texts if text in ("3", "200", "8,121")] == ["8,121", "200", "3"]
    assert f"8,121 near-duplicates, most of all, are between {left}" in " ".join(page.text.split())
    pairs = [{"left_unit": left, "right_unit": right, "kind": kind} for kind in ("near", "text")]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(pairs), tmp_path / "pairs.parquet")
    monkeypatch.chdir(tmp_path)
    query = next(text for text in texts if text.startswith("FROM 'pairs.parquet'"))
    with duckdb.connect() as database:
        assert database.execute(query).fetchall() == [(left, right, "near")]


def test_empty_report(tmp_path: Path) -> None:
    empty = report("one/train", unreadable=0)
    empty["images"]["unreadable_listed"] = []
    page = write(tmp_path, empty | {"shared": [], "dropped": []}, [])
    assert page.text.count("None.") == 3
    assert "Unreadable images" not in page.text


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("one/train", "two/test", True),
        ("/data/build: one/validation", "/data/other: one/train", True),
        ("one/train", "two/train", False),
        ("one/test", "one/validation", False),
    ],
)
def test_leaks_are_between_training_and_evaluation(left: str, right: str, expected: bool) -> None:
    assert is_leak(counts(left, right, "exact")) is expected


def test_report_of_hostile_data(tmp_path: Path) -> None:
    """Ids, texts and the names of units, which contain the folders of their builds."""
    rows = {
        split: [Row(HOSTILE, (encode(scene(1)),), HOSTILE, HOSTILE)] for split in ("train", "test")
    }
    task = make_task(tmp_path / "src", "evil", **rows)
    folders = ("<svg onload=alert(1)>", "<b>'\"&amp;")
    compare(tmp_path, *(build_tasks(tmp_path, [task], folder) for folder in folders))
    html = (tmp_path / "report" / "report.html").read_text()
    page = Page(html)
    assert not {"script", "svg"} & {tag for tag, _ in page.elements}
    assert not any("onload" in attributes for _, attributes in page.elements)
    assert "&lt;script&gt;" in html
    assert HOSTILE in page.text
    for folder in folders:
        assert f"{tmp_path / folder}: evil/train" in page.text
    assert page.images
    assert all(str(source).startswith("data:image/jpeg;base64,") for source in page.images)
    assert "http" not in html, "nothing is loaded from elsewhere"
