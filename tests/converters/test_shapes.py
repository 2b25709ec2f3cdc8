"""SHAPES: queries in English, and files whose lines do not correspond."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.converters.shapes import english
from m3it_builder.errors import ConvertError
from m3it_builder.samples.files import write_bytes
from m3it_builder.tasks.sampling import write_sample
from tests.support.conversion import convert


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("(is green (left_of red))", "Is a green shape left of a red shape?"),
        ("(is circle red)", "Is a circle red?"),
        ("(is blue triangle)", "Is a blue shape a triangle?"),
        ("(is red (above (below square)))", "Is a red shape above something below a square?"),
    ],
)
def test_queries_in_english(query: str, question: str) -> None:
    assert english(query) == question


@pytest.mark.parametrize("query", ["", "(is red)", "(has red blue)"])
def test_malformed_query(query: str) -> None:
    with pytest.raises(ValueError, match="not a query"):
        english(query)


@pytest.mark.parametrize("extension", ["query", "output"])
def test_files_with_different_numbers_of_lines(tmp_path: Path, extension: str) -> None:
    task = load_task("shapes")
    write_sample(task, tmp_path, 4)
    path = tmp_path / "shapes" / f"val.{extension}"
    write_bytes(path, b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(ConvertError, match=r"shapes/validation: .*zip\(\)"):
        convert(task, "validation", tmp_path)
