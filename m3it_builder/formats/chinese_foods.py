"""The classes of ChineseFoodNet, which are published as a spreadsheet."""

from functools import cache
from pathlib import Path

from m3it_builder.cards.cards import Text
from m3it_builder.cards.strict_yaml import Strict, read_card


class _Classes(Strict):
    classes: tuple[tuple[Text, Text], ...]


@cache
def food_classes() -> tuple[tuple[str, str], ...]:
    """Return Chinese and English name of each class, by label.

    Chinese names are unique, English ones are not.
    """
    return read_card(Path(__file__).with_suffix(".yaml"), _Classes).classes
