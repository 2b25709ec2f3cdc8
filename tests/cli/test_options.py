"""Options that several commands share: one wording, and choices that the help names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from m3it_builder.cards.cards import Group
from m3it_builder.cli.main import COMMANDS
from m3it_builder.cli.options import choice
from m3it_builder.dedup import KEEP_POLICIES
from m3it_builder.records import SPLITS
from m3it_builder.shards.formats import FormatName, ImageEncoding
from tests.support.command import assert_usage_error, run_m3it
from tests.test_docs import GROUPED
from tests.test_docs import command as command_of

# Options of one name whose meaning depends on the command.
DIFFERENT = {"--rows", "--out", "--seed", "--source", "--split", "--task"}


def options_of(command: str) -> dict[str, Any]:
    parameters = command_of(command).params
    return {parameter.opts[0]: parameter for parameter in parameters if parameter.name != "help"}


def test_shared_options_have_one_wording() -> None:
    wordings: dict[str, set[str]] = defaultdict(set)
    for command in (*COMMANDS, *GROUPED):
        for name, option in options_of(command).items():
            if name.startswith("--"):
                wordings[name].add(option.help)
    assert {name for name, helps in wordings.items() if len(helps) > 1} == DIFFERENT


@pytest.mark.parametrize(
    ("command", "option", "choices"),
    [
        ("build", "--split", SPLITS),
        ("show", "--split", SPLITS),
        ("build", "--format", get_args(FormatName)),
        ("build", "--images", get_args(ImageEncoding)),
        ("dedup", "--keep", KEEP_POLICIES),
        ("ls", "--group", get_args(Group)),
    ],
)
def test_help_names_every_choice(command: str, option: str, choices: Sequence[str]) -> None:
    text = options_of(command)[option].help
    assert all(name in text for name in choices), text


def test_choice() -> None:
    validate = choice(lambda: ("webdataset", "parquet"))
    for value in (None, "parquet", ["parquet", "webdataset"], []):
        assert validate(value) is value
    with pytest.raises(typer.BadParameter, match="did you mean parquet"):
        validate(["webdataset", "parket"])
    with pytest.raises(typer.BadParameter, match=r"'zip' is not one of webdataset, parquet$"):
        validate("zip")


def test_choices_are_looked_up_only_when_needed() -> None:
    def allowed() -> Sequence[str]:
        raise AssertionError("imports heavy modules")

    assert choice(allowed)(None) is None
    assert choice(allowed)([]) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "--task", "shapes", "--sample", "--out", ""), "empty argument after --out"),
        (("build", "--task", "shapes", "--source="), "--source is empty"),
        (("fetch", "shapes", "--source", ""), "empty argument after --source"),
        (("sample", "--task", "shapes", "-o", ""), "empty argument after -o"),
        (("info", ""), "empty argument after info"),
        (("sql", "", "SELECT 1"), "empty argument after sql"),
    ],
)
def test_empty_paths_are_wrong_usage(tmp_path: Path, words: Sequence[str], message: str) -> None:
    """They meant the current folder."""
    assert_usage_error(run_m3it(*words, cwd=tmp_path), message)
    assert not list(tmp_path.iterdir())
