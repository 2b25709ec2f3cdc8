"""The one place where structure becomes text.

Translation, paraphrase and chat export work on turns, choices and regions;
nobody ever has to parse what is written here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from m3it_builder.records import Record, Region, Style, Turn

_TOKEN = re.compile(r"\{box:(\d+)\}")
_SENTENCE_START = re.compile(r"(?:(?:^|\n)(?:\([A-Z]+\) )?|[.?!] )\Z")


@dataclass(frozen=True, slots=True)
class _Words:
    options: str
    question: str
    answer: str
    box: str
    labelled_box: str
    colors: dict[str, str]


_ENGLISH = _Words(
    "Options:", "Question: ", "Answer: ", "the {color} box", "the {label} in the {color} box", {}
)
_CHINESE = _Words(
    "选项：",
    "问：",
    "答：",
    "{color}框",
    "{color}框中的{label}",
    {
        "red": "红色",
        "green": "绿色",
        "blue": "蓝色",
        "yellow": "黄色",
        "magenta": "品红色",
        "cyan": "青色",
        "orange": "橙色",
        "purple": "紫色",
        "white": "白色",
        "black": "黑色",
    },
)


def render(record: Record, lang: str, style: Style) -> tuple[str, str]:
    """Return ``inputs`` and ``outputs`` of a record.

    ``inputs`` is the context, the finished turns, the open question and its
    options, one below the other; ``outputs`` is the last turn's answer.
    """
    words = _CHINESE if lang.split("-")[0] == "zh" else _ENGLISH
    *history, last = record.turns
    parts = [record.context]
    parts += [_past(turn, words, style) for turn in history]
    parts += [last.question, _options(last, words)]
    inputs = "\n".join(part for part in parts if part)
    outputs = _answer(last, style)
    return (
        _with_regions(inputs, record.regions, words, style),
        _with_regions(outputs, record.regions, words, style),
    )


def letter(index: int) -> str:
    """Return the option letter of an index: A to Z, then AA, AB and so on."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _past(turn: Turn, words: _Words, style: Style) -> str:
    lines = (
        words.question + turn.question,
        _options(turn, words),
        words.answer + _answer(turn, style),
    )
    return "\n".join(line for line in lines if line)


def _options(turn: Turn, words: _Words) -> str:
    if not turn.choices:
        return ""
    return "\n".join([words.options, *(f"({letter(n)}) {c}" for n, c in enumerate(turn.choices))])


def _answer(turn: Turn, style: Style) -> str:
    if turn.gold is None or style.answer == "text":
        return turn.answer
    mark = f"({letter(turn.gold)})"
    return mark if style.answer == "letter" else f"{mark} {turn.answer}"


def _with_regions(text: str, regions: tuple[Region, ...], words: _Words, style: Style) -> str:
    def name(match: re.Match[str]) -> str:
        index = int(match[1])
        if index >= len(regions):
            return match[0]  # the source's own words, not our token
        named = _region(regions[index], words, style)
        starts = _SENTENCE_START.search(text, 0, match.start())
        return named[0].upper() + named[1:] if starts else named

    return _TOKEN.sub(name, text) if regions else text


def _region(region: Region, words: _Words, style: Style) -> str:
    if style.regions == "text":
        return "[{}, {}, {}, {}]".format(*(round(edge) for edge in region.box))
    color = words.colors.get(region.color, region.color)
    form = words.labelled_box if region.label else words.box
    return form.format(color=color, label=region.label)
