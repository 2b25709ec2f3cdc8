"""Spellings of the file names of Wikimedia Commons."""

from __future__ import annotations

import pytest

from m3it_builder.formats.commons import spellings


@pytest.mark.parametrize(
    ("listed", "stored"),
    [
        ("512px-Bront%C3%AB.jpg", "512px-Brontë.jpg"),
        ("512px-Brontë.jpg", "512px-Bront%C3%AB.jpg"),
        ("512px-Brontë,_C.jpg", "512px-Bront%C3%AB,_C.jpg"),
        ("512px-Paris,_France.jpg", "512px-Paris%2C_France.jpg"),
        ("512px-Paris%2C_France.jpg", "512px-Paris,_France.jpg"),
        ("512px-A_(1900).png", "512px-A_%281900%29.png"),
        ("512px-Old Town.jpg", "512px-Old_Town.jpg"),
        ("512px-Old_Town.jpg", "512px-Old Town.jpg"),
        ("512px-Old%20Town.jpg", "512px-Old_Town.jpg"),
        ("512px-C%2B%2B.png", "512px-C++.png"),
        ("512px-A_B%2BC%20D.png", "512px-A_B+C D.png"),
        ("512px-A%2BB C.png", "512px-A+B_C.png"),
        ("512px-Old+Town.jpg", "512px-Old Town.jpg"),
        ("512px-Old+Town.jpg", "512px-Old_Town.jpg"),
    ],
)
def test_another_spelling(listed: str, stored: str) -> None:
    assert stored in spellings(listed)


def test_the_given_spelling_is_first() -> None:
    assert spellings("512px-100%_Wool.svg.png")[0] == "512px-100%_Wool.svg.png"
    assert spellings("plain.jpg") == ("plain.jpg",)
