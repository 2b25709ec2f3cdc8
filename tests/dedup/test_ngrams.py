"""Normalization of texts, and their n-grams."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.dedup.ngrams import ngram_length, ngrams, words


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=12), min_size=1, max_size=8),
    st.integers(3, 5),
)
def test_ngrams_are_consecutive_words(texts: list[list[str]], length: int) -> None:
    expected = {
        (number, tuple(text[start : start + length]))
        for number, text in enumerate(texts)
        for start in range(len(text) - length + 1)
    }
    found = ngrams(texts, length).distinct()
    pairs = set(zip(found.text.tolist(), found.ngram.tolist(), strict=True))
    assert len(found.ngram) == len(pairs) == len(expected)
    assert len(set(found.ngram.tolist())) == len({ngram for _, ngram in expected})
    some = np.unique(found.ngram[::2])
    assert set(found.among(some).ngram.tolist()) == set(some.tolist())


def test_words_of_many_scripts() -> None:
    assert words("It's the ﬁne CAFÉ—co\u00adop, x_y 3.5") == [
        *("it", "s", "the", "fine", "café", "coop"),
        *("x", "y", "3", "5"),
    ]
    assert words("ＡＢＣ 东京！大きい") == ["abc", *"东京大きい"]
    assert words("हिन्दी한국어") == ["हिन्दी한국어"]
    assert words("!?") == []


def test_ngrams_are_longer_in_scripts_without_spaces() -> None:
    texts = ("a b c", "这只狗 ok", "ภาษาไทย", "")
    assert [ngram_length(words(text), 13) for text in texts] == [13, 19, 52, 13]
