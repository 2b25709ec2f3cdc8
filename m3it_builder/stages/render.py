"""Rendering: the only code that turns the structure of a record into text.

``render`` is a pure function of record, language and style. To change a text, change turns
or regions and render again; ``inputs`` and ``outputs`` are never edited. The words that it
adds are data, by language: ``words.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from m3it_builder.cards.strict_yaml import Strict, read_card
from m3it_builder.records import Instance, Record, Region, Style, Turn

_TOKEN = re.compile(r"\{box:(\d+)\}")
_SENTENCE_START = re.compile(r"(?:(?:^|\n)(?:\([A-Z]+\) )?|[.?!] )\Z")


class Words(Strict):
    """Words that ``render`` adds in one language; ``{color}`` and ``{label}`` are placeholders."""

    options: str
    question: str
    answer: str
    box: str
    labeled_box: str
    colors: dict[str, str]  # by ``Region.color``


class Vocabulary(Strict):
    """The words of all languages, by BCP 47 primary subtag."""

    languages: dict[str, Words]


def render(record: Record, lang: str, style: Style) -> tuple[str, str]:
    """Return ``inputs`` and ``outputs`` of a record.

    ``inputs`` consists of the context, the answered turns, the last question and its
    choices, on separate lines; ``outputs`` is the answer of the last turn. Questions are
    labeled where there is more than one turn. Of an answer, ``Turn.said`` is preferred.

    Args:
        record: record with turns, context and regions.
        lang: BCP 47; a language without words in ``words.yaml`` uses the English ones.
        style: format of answers and regions.
    """
    words = words_of(lang)
    *history, last = record.turns
    parts = [record.context]
    parts += [_past_turn(turn, words, style) for turn in history]
    label = words.question if history and last.question else ""
    parts += [label + last.question, _options(last, words)]
    inputs = "\n".join(filter(None, parts))
    outputs = _answer(last, style)
    if not record.regions:
        return inputs, outputs
    return (
        _with_regions(inputs, record.regions, words, style),
        _with_regions(outputs, record.regions, words, style),
    )


def render_all(instances: Iterable[Instance], style: Style) -> Iterator[Instance]:
    """Yield instances with ``inputs`` and ``outputs`` filled in."""
    for instance in instances:
        inputs, outputs = render(instance.record, instance.lang, style)
        yield replace(instance, inputs=inputs, outputs=outputs)


def vocabulary() -> dict[str, Words]:
    """Return the words of every language."""
    return read_card(Path(__file__).with_name("words.yaml"), Vocabulary).languages


@cache
def words_of(lang: str) -> Words:
    """Return the words of a language; the English ones if it has none."""
    languages = vocabulary()
    return languages.get(lang.split("-")[0], languages["en"])


def letter(index: int) -> str:
    """Return the option letter of an index: A to Z, then AA, AB and so on.

    Raises:
        ValueError: the index is negative.
    """
    if index < 0:
        raise ValueError(f"no option has the index {index}")
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _past_turn(turn: Turn, words: Words, style: Style) -> str:
    lines = (
        words.question + turn.question,
        _options(turn, words),
        words.answer + _answer(turn, style),
    )
    return "\n".join(filter(None, lines))


def _options(turn: Turn, words: Words) -> str:
    if not turn.choices:
        return ""
    return "\n".join([words.options, *(f"({letter(n)}) {c}" for n, c in enumerate(turn.choices))])


def _answer(turn: Turn, style: Style) -> str:
    if turn.said:
        return turn.said
    if turn.gold is None or style.answer == "text":
        return turn.answer
    mark = f"({letter(turn.gold)})"
    return mark if style.answer == "letter" else f"{mark} {turn.answer}"


def _with_regions(text: str, regions: tuple[Region, ...], words: Words, style: Style) -> str:
    def name(match: re.Match[str]) -> str:
        index = int(match[1])
        if index >= len(regions):
            return match[0]  # text of the source that looks like a token
        named = _region(regions[index], words, style)
        starts = _SENTENCE_START.search(text, 0, match.start())
        return named[0].upper() + named[1:] if starts else named

    return _TOKEN.sub(name, text)


def _region(region: Region, words: Words, style: Style) -> str:
    if style.regions == "text":
        return "[{}, {}, {}, {}]".format(*(round(edge) for edge in region.box))
    color = words.colors.get(region.color, region.color)
    form = words.labeled_box if region.label else words.box
    return form.format(color=color, label=region.label)
