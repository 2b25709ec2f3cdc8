"""Options of tasks: those of the card, the form of answers, and values of the command line."""

from __future__ import annotations

from typing import get_args

from m3it_builder.cards.cards import AnswerForm, Option, TaskCard
from m3it_builder.errors import CardError

ANSWER = "answer"  # the option that every task with options to choose from has


def option_cards(card: TaskCard) -> dict[str, Option]:
    """Return all options of a task: those of its card, and ``answer`` if rows have options."""
    if "options" not in card.rows_have:
        return card.options
    answer = Option(
        default=card.render.answer,
        choices=get_args(AnswerForm),
        help="form of an answer that is one of the options: its text, its letter, or both",
    )
    return {ANSWER: answer, **card.options}


def parse_settings(words: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Parse the values of ``--set``, each TASK.OPTION=VALUE, into texts by task and option.

    Raises:
        CardError: a value is malformed, or an option has two different ones.
    """
    settings: dict[str, dict[str, str]] = {}
    for word in words:
        left, equals, value = word.partition("=")
        task, dot, option = left.rpartition(".")
        if not (equals and dot and task and option):
            raise CardError(f"--set takes TASK.OPTION=VALUE, not {word!r}")
        earlier = settings.setdefault(task, {}).setdefault(option, value)
        if earlier != value:
            raise CardError(f"--set gives {left} two values, {earlier!r} and {value!r}; give one")
    return settings
