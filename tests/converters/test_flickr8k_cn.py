"""Flickr8k-CN with other kinds of sentences, and with all sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.samples import flickr8k_cn as sample
from tests.support.conversion import WORLD, convert


def write_captions(tmp_path: Path, kind: str, stem: str) -> Path:
    """Write captions of one kind for three photos, two of them in the test split."""
    for number in (1, 2, 3):
        sample.write_photo(WORLD, tmp_path, number)
    sample.write_split(tmp_path, "test", [sample.stem(n) for n in (1, 2)])
    tag = "zhm" if kind == "zhmtest" else kind
    lines = [
        f"{sample.stem(number)}.jpg#{tag}#{n} {text}"
        for n in range(5)
        for number in (1, 2, 3)
        for text in (sample.sentences(WORLD, number)[n],)
    ]
    sample.write_lines(tmp_path, f"flickr8k{kind}.{stem}.txt", lines)
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "stem"), [("zhmtest", "captions"), ("zhb", "caption"), ("enc", "caption")]
)
def test_other_kinds_of_sentences(tmp_path: Path, kind: str, stem: str) -> None:
    task = load_task("flickr8k-cn").with_options({"sentences": kind})
    rows, rejects = convert(task, "test", write_captions(tmp_path, kind, stem))
    assert [row.record.id.partition("#")[0] for row in rows] == [sample.stem(n) for n in (1, 2)]
    assert {reason for _, reason in rejects} == {"not_chosen"}


def test_all_sentences(tmp_path: Path) -> None:
    task = load_task("flickr8k-cn").with_options({"captions": "all"})
    rows, rejects = convert(task, "test", write_captions(tmp_path, "zhc", "caption"))
    expected = {
        f"{sample.stem(number)}#{n}": text
        for number in (1, 2)
        for n, text in enumerate(sample.sentences(WORLD, number))
    }
    assert ({row.record.id: row.outputs for row in rows}, rejects) == (expected, [])
