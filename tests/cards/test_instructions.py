"""Instruction pools: lists of distinct, stripped, non-empty strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder.cards.instructions import Instruction, load_instructions
from m3it_builder.errors import CardError


def load(folder: Path, data: bytes) -> tuple[str, ...]:
    path = folder / "pool.json"
    path.write_bytes(data)
    return tuple(one.text for one in load_instructions(path))


def test_pool_keeps_its_order(tmp_path: Path) -> None:
    assert load(tmp_path, '["b", "a", "看"]'.encode()) == ("b", "a", "看")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[]", "must be a list of one or more instructions"),
        (b'{"a": "b"}', "must be a list"),
        (b'"text"', "must be a list"),
        (b'["a", 1]', "must be a list"),
        (b'["a", ""]', "must be distinct, non-empty and stripped"),
        (b'["a", " b"]', "must be distinct"),
        (b'["a", "b\\n"]', "must be distinct"),
        (b'["a", "b", "a"]', "must be distinct"),
        (b'["a"', "not valid JSON"),
        (b'["caf\xe9"]', "not valid JSON"),
        (b"", "not valid JSON"),
        (b"[" * 100_000, "must be a list of texts, not of nested lists"),
        (b'["a", "\\ud800"]', "half of a surrogate pair"),
    ],
)
def test_malformed_pool(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(CardError, match=f"pool.json: .*{message}"):
        load(tmp_path, data)


def test_missing_pool(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"pool\.json: cannot be read \(No such file"):
        load_instructions(tmp_path / "pool.json")


def test_an_instruction_may_need_something_of_the_row(tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    path.write_text('["a", {"text": "b", "needs": ["box", "letter"]}]')
    assert load_instructions(path) == (
        Instruction("a"),
        Instruction("b", frozenset({"box", "letter"})),
    )


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('{"text": "a"}', "the keys 'text' and 'needs'"),
        ('{"text": "a", "needs": [], "for": 1}', "the keys 'text' and 'needs'"),
        ('{"text": "a", "needs": "box"}', "'needs' a list"),
        ('{"text": 1, "needs": []}', "'text' must be a string"),
        ('{"text": "a", "needs": ["boxes"]}', "needs 'boxes'; it can be one of image, "),
        ('{"text": "a", "needs": [["box"]]}', "it can be one of image, "),
        ('{"text": " a", "needs": []}', "must be distinct, non-empty and stripped"),
    ],
)
def test_malformed_needs(tmp_path: Path, entry: str, message: str) -> None:
    with pytest.raises(CardError, match=f"pool.json: .*{message}"):
        load(tmp_path, f'["x", {entry}]'.encode())
