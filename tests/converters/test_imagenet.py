"""ImageNet: the number of candidate classes, and the quirks of its text files."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.samples.files import write_bytes
from m3it_builder.tasks.opening import open_source
from tests.support.conversion import convert
from tests.support.paths import FIXTURES


@pytest.mark.parametrize("count", [2, 3, 8])
def test_number_of_candidates_is_an_option(count: int) -> None:
    task = load_task("imagenet").with_options({"candidates": str(count)})
    rows, _ = convert(task, "train", FIXTURES / "imagenet" / "source")
    assert rows
    for row in rows:
        (turn,) = row.record.turns
        assert len(set(turn.choices)) == len(turn.choices) == count
        assert turn.choices[turn.gold or 0] == turn.answer


def test_byte_order_marks_and_long_cells(tmp_path: Path) -> None:
    """A byte order mark is not part of the first name; a cell may exceed the limit of csv."""
    page = 'a page, with "quotes"\n' * 10_000
    quoted = page.replace('"', '""')
    folder = tmp_path / "imagenet-1k-kaggle"
    write_bytes(folder / "mark.txt", b"\xef\xbb\xbfn01 tench\nn02 crane\n")
    write_bytes(folder / "long.csv", f'\ufeff,text\n1,"{quoted}"\n'.encode())
    source = open_source(load_task("imagenet"), "train", tmp_path)
    assert list(source.text("imagenet-1k-kaggle/mark.txt")) == ["n01 tench", "n02 crane"]
    assert list(source.csv("imagenet-1k-kaggle/long.csv")) == [{"": "1", "text": page}]
