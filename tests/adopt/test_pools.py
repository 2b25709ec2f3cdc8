"""Instruction pools and class names of a download."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.adopt.pools import read_labels, read_pool
from m3it_builder.errors import SourceError


@pytest.mark.parametrize(
    ("content", "pool"),
    [
        ('["One.", " Two. ", "One.", ""]', ("One.", "Two.")),
        ('"One."\n"Two."\n', ("One.", "Two.")),
        ('{"instruction": "One."}\n{"instruction": "Two."}\n', ("One.", "Two.")),
        ('{"okvqa": ["One."], "vqa-v2": ["Other."]}', ("One.",)),
        (
            '{"task": "okvqa", "instruction": "One."}\n{"task": "vist", "instruction": "X"}',
            ("One.",),
        ),
    ],
)
def test_pools(tmp_path: Path, content: str, pool: tuple[str, ...]) -> None:
    path = tmp_path / "instructions.json"
    path.write_text(content)
    assert read_pool(path, "okvqa") == pool


@pytest.mark.parametrize("content", ["", "[]", "[1]", "{", "version https://git-lfs.github.com/"])
def test_malformed_pools(tmp_path: Path, content: str) -> None:
    path = tmp_path / "instructions.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"instructions\.json: "):
        read_pool(path, "okvqa")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.txt", "n01440764 cat\nn01443537 dog\n"),
        ("labels.txt", "cat\ndog\n\n"),
        ("labels.json", '["cat", "dog"]'),
        ("labels.json", '{"1": "dog", "0": "cat"}'),
        ("labels.json", '{"dog": 1, "cat": 0}'),
    ],
)
def test_class_names(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert read_labels(tmp_path / name) == ("cat", "dog")


@pytest.mark.parametrize(
    "content", ["", "1", '["cat", 1]', '{"cat": 1, "dog": 2}', '{"cat": [0]}', '{"cat": Infinity}']
)
def test_malformed_class_names(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"labels\.json: .*; download it again"):
        read_labels(path)
