"""Names of data files."""

from __future__ import annotations

import pytest

from m3it_builder.adopt.file_names import parse_name


@pytest.mark.parametrize(
    "name", ["instructions.jsonl", "leftovers.jsonl", "train.txt", "x_train_y.jsonl"]
)
def test_other_files_are_not_data_files(name: str) -> None:
    assert parse_name(f"vqa/okvqa/{name}") is None
