"""Answers of sample data cannot be guessed without the images.

A model that learns from sample data proves something only if one that sees the texts alone
does badly. For every task and variant whose target is not a caption: no answer is frequent,
the answers given in training to the same question do not help, no option letter is right more
often than others, and neither are texts of options that are often right, long or short.
"""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PIL import Image, ImageDraw

from m3it_builder import load_task, task_names
from m3it_builder.records import Record, Style, Turn
from m3it_builder.samples import clips
from m3it_builder.samples.world import World
from m3it_builder.stages.convert import convert
from m3it_builder.stages.render import render
from m3it_builder.tasks.opening import open_source
from m3it_builder.tasks.registry import Task, variants_of

COUNTS = (200, 1_500)  # examples per split; the second if the first has a finding, which is chance
FREQUENT, FREQUENT_OF_TWO = 0.4, 0.6
LONG = 6  # words; longer answers repeat words of their question
MARGIN = 0.05  # over what knows the frequencies of answers or of letters alone
Row = tuple[str, Turn]  # text before the question, and the last turn
CLIP = b"clip"


class NoRowsError(Exception):
    """A task has no rows, perhaps because its converter looks whether an image exists."""


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let sample writers leave out images and clips: nothing opens them here.

    Returns a list; while it has an entry, empty images are written for converters that look.
    """
    needed: list[str] = []
    encoded: dict[tuple[Any, ...], bytes] = {}
    save = Image.Image.save

    def write_once(image: Image.Image, file: Any, format: str | None = None, **more: Any) -> None:
        key = (format, image.mode)
        if key not in encoded:
            buffer = io.BytesIO()
            save(Image.new(image.mode, (1, 1)), buffer, format)
            encoded[key] = buffer.getvalue()
        file.write(encoded[key])

    monkeypatch.setattr(Image.Image, "save", write_once)
    for method in ("ellipse", "polygon", "rectangle", "text"):
        monkeypatch.setattr(ImageDraw.ImageDraw, method, lambda *_, **__: None)
    monkeypatch.setattr(clips, "encode_clip", lambda *_, **__: CLIP)
    monkeypatch.setattr(clips, "FRAMES", 2)
    write_bytes = Path.write_bytes

    def write_others(path: Path, data: bytes) -> int:
        is_image = data is CLIP or data in encoded.values()
        return 0 if is_image and not needed else write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_others)
    return needed


@pytest.mark.parametrize("name", [n for n in task_names() if load_task(n).card.group != "caption"])
def test_answers_cannot_be_guessed(name: str, tmp_path: Path, needed: list[str]) -> None:
    found: list[str] = []
    for count in COUNTS:
        try:
            found = findings(load_task(name), tmp_path / str(count), count)
        except NoRowsError:
            needed.append(name)
            found = findings(load_task(name), tmp_path / str(count), count)
        if not found:
            return
    raise AssertionError("\n".join(["", *found]))


def findings(task: Task, folder: Path, count: int) -> list[str]:
    """Return what is wrong with sample data of a task and its variants, with numbers."""
    assert task.sample is not None
    task.sample(World(width=48, height=36), folder, count)
    return [
        f"{config.name}: {finding}"
        for config in (task, *variants_of(task))
        for finding in of_rows(*rows_of(config, folder))
    ]


def rows_of(task: Task, folder: Path) -> tuple[list[Row], list[Row]]:
    """Return all answered rows in training, and of the other splits.

    If a task has only one of both, they are the halves of its rows.
    """
    rows: dict[bool, list[Row]] = {True: [], False: []}
    style = Style("text", task.card.render.regions)
    for split in task.card.splits:
        for record in convert(task, open_source(task, split, folder), lambda *_: None):
            if record.turns[-1].answer:
                rows[split == "train"].append(row_of(record, style))
    if rows[True] and rows[False]:
        return rows[True], rows[False]
    every = rows[True] or rows[False]
    if not every:
        raise NoRowsError(task.name)
    return every[: len(every) // 2], every[len(every) // 2 :]


def row_of(record: Record, style: Style) -> Row:
    """Return text before the question, and last turn, with coordinates where they are text."""
    *history, last = record.turns
    said = [f"{turn.question} {turn.answer}" for turn in history]
    asked = replace(record, context="", turns=(replace(last, choices=(), gold=None),))
    question, answer = render(asked, "en", style)
    if last.choices:
        answer = last.answer  # one of the choices
    return "\n".join([record.context, *said]), replace(last, question=question, answer=answer)


def of_rows(train: list[Row], held_out: list[Row]) -> Iterator[str]:
    """Yield findings about rows in training and others."""
    answers = Counter(turn.answer for _, turn in train)
    answer, times = answers.most_common(1)[0]
    limit = FREQUENT_OF_TWO if len(answers) == 2 else FREQUENT
    if times / len(train) > limit:
        yield f"{times / len(train):.0%} of the answers are {answer!r}; at most {limit:.0%}"
    majority = max(times / len(train), accuracy(held_out, lambda *_: answer))
    words = sum(len(turn.answer.split()) for _, turn in train) / len(train)
    allowed = FREQUENT if words > LONG else majority + MARGIN
    keys: dict[str, Callable[[str, Turn], Hashable]] = {
        "the same question": lambda _, turn: turn.question,
        "the same texts": lambda texts, turn: (texts, turn.question),
    }
    for what, key in keys.items():
        prior = accuracy(held_out, most_frequent(train, key, answer))
        if prior > allowed:
            yield f"the usual answer to {what} is right in {prior:.0%}; at most {allowed:.0%}"
    if all(turn.choices for _, turn in train):
        yield from _of_options(train, held_out, majority)


def _of_options(train: list[Row], held_out: list[Row], majority: float) -> Iterator[str]:
    chance = sum(1 / len(turn.choices) for _, turn in held_out) / len(held_out)
    letters = Counter(turn.gold for _, turn in train)
    letter = letters.most_common(1)[0][0] or 0
    offered = Counter(text for _, turn in train for text in turn.choices)
    right = Counter(turn.answer for _, turn in train)
    guesses: dict[str, Callable[[Sequence[str]], str]] = {
        f"option {letter}": lambda choices: choices[min(letter, len(choices) - 1)],
        "the longest option": lambda choices: max(choices, key=len),
        "the shortest option": lambda choices: min(choices, key=len),
        "the option that is most often right": lambda choices: max(
            choices, key=lambda text: (right[text] + 1) / (offered[text] + len(choices))
        ),
    }
    for words, guess in guesses.items():
        share = accuracy(held_out, lambda _, turn, guess=guess: guess(turn.choices))  # type: ignore[misc]
        if share > (limit := max(chance, majority) + MARGIN):
            yield f"{words} is right in {share:.0%}; at most {limit:.0%}"


def most_frequent(
    train: list[Row], key: Callable[[str, Turn], Hashable], otherwise: str
) -> Callable[[str, Turn], str]:
    """Return a guess: the most frequent answer in training to what has the same key."""
    known: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for texts, turn in train:
        known[key(texts, turn)][turn.answer] += 1

    def guess(texts: str, turn: Turn) -> str:
        seen = known.get(key(texts, turn))
        return seen.most_common(1)[0][0] if seen else otherwise

    return guess


def accuracy(rows: list[Row], guess: Callable[[str, Turn], str]) -> float:
    return sum(guess(texts, turn) == turn.answer for texts, turn in rows) / len(rows)


def plain(*answers: str, question: str = "What?") -> list[Row]:
    return [("", Turn(question, answer)) for answer in answers]


def lettered(answer: str, *choices: str) -> Row:
    return ("", Turn("", answer, choices, choices.index(answer)))


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        (plain(*"aaabc" * 9), "60% of the answers are 'a'; at most 40%"),
        (plain(*"aaab" * 9), "75% of the answers are 'a'; at most 60%"),
        (
            plain(*"aab" * 9, question="A?") + plain(*"bba" * 9, question="B?"),
            "the usual answer to the same question is right in 67%; at most 55%",
        ),
        (
            [(text, Turn("What?", text)) for text in "ab" * 9],
            "the usual answer to the same texts is right in 100%; at most 55%",
        ),
        ([lettered(a, a, *"xyz") for a in "abcd" * 9], "option 0 is right in 100%; at most 30%"),
    ],
)
def test_findings(rows: list[Row], finding: str) -> None:
    assert any(finding in found for found in of_rows(rows, rows)), list(of_rows(rows, rows))
