"""Corrections: "No, it is black" denies "Is it white?" without a negation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def corrects(asked: Sequence[str], said: Sequence[str]) -> bool:
    """Return True if a sentence has another word in the place of one that was asked about.

    That is the last one, or the one before a word that both have: a blue hat, a red hat. A
    pronoun for the subject, or one more adjective, corrects nothing.

    Args:
        asked: content words, or characters, of the question, in order.
        said: those of the sentence.
    """
    new, have = set(said) - set(asked), set(said)
    if not new or not asked:
        return False
    if asked[-1] not in have:
        return True
    places = {after for before, after in pairwise(asked) if before not in have and after in have}
    return any(before in new and after in places for before, after in pairwise(said))
