"""Detokenization."""

from __future__ import annotations

import pytest

from m3it_builder.formats.tokens import capitalized, sentence


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Why is he here ?", "Why is he here?"),
        ("She is n't , I guess .", "She isn't, I guess."),
        ("one ' s mind", "one's mind"),
        ("one 's mind", "one's mind"),
        ("( as if ) listening", "(as if) listening"),
        ("100 % sure !", "100% sure!"),
        ("rock ' n ' roll", "rock 'n' roll"),
        ("a well - dressed man in a t - shirt", "a well-dressed man in a t-shirt"),
        ("an up - to - date , black - and - white photo", "an up-to-date, black-and-white photo"),
        ("He waits - he is early .", "He waits - he is early."),
        ('He says " hello there . " to her', 'He says "hello there." to her'),
        ("It is a `` joke '' .", 'It is a "joke".'),
        ('5 " nails', '5 " nails'),
        ("at 10 : 30 or nine o ' clock", "at 10:30 or nine o'clock"),
        ("$ 1 , 000 for 3 . 5 of 1 , 2 and 3", "$1,000 for 3.5 of 1, 2 and 3"),
        ("beer and / or wine", "beer and/or wine"),
        ("the boys ' room", "the boys' room"),
        ("{box:0} ' s hat - it is red", "{box:0}'s hat - it is red"),
    ],
)
def test_sentence(tokens: str, text: str) -> None:
    assert sentence(tokens.split(" ")) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He sits. so do i. i'm sure!", "He sits. So do I. I'm sure!"),
        ("That is {box:0}. he waits.", "That is {box:0}. He waits."),
        ('He says "no." then he goes.', 'He says "no." Then he goes.'),
        ("With mr. x, at 5 p.m. on friday... or not", "With mr. x, at 5 p.m. on friday... or not"),
        ("A hi-fi, i.e. a stereo", "A hi-fi, i.e. a stereo"),
    ],
)
def test_capitalized(text: str, expected: str) -> None:
    assert capitalized(text) == expected
