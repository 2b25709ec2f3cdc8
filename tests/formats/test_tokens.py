"""Detokenization."""

from __future__ import annotations

import pytest

from m3it_builder.formats.tokens import sentence


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Why is he here ?", "Why is he here?"),
        ("She is n't , I guess .", "She isn't, I guess."),
        ("one ' s mind", "one's mind"),
        ("one 's mind", "one's mind"),
        ("( as if ) listening", "(as if) listening"),
        ("100 % sure !", "100% sure!"),
        ("rock ' n ' roll", "rock ' n ' roll"),
    ],
)
def test_sentence(tokens: str, text: str) -> None:
    assert sentence(tokens.split(" ")) == text
