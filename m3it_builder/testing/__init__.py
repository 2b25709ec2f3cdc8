"""The contract of tasks, checked by one function for built-in and installed tasks.

A package tests its task by::

    def test_birds() -> None:
        check_task(load_task("birds"), Path(__file__).parent / "fixtures" / "birds")

The fixture folder has ``source/``, a tiny source in the official layout with the difficult
cases of the format, and ``expected.json``, the expected rows and rejects. ``m3it check birds
--update`` writes both; review the diff. The contract:

- Rows and rejects are the expected ones, and a second build from a copy of the source has
  the same bytes.
- Every split has rows, and one of them at least three. Ids are unique in a split, and no
  row occurs in two splits.
- Rows and rejects contain no local path.
- Choices contain the answer, boxes in texts exist, images can be decoded, and their number
  is one that the card allows.
- All formats contain the same images.
- The converter only reads its source.
- The sample writer is deterministic, no row of its data occurs in two splits, and its
  files build without rejects other than ``not_chosen``, and ``answer_withheld`` in splits whose
  card says so.

Built-in tasks have a fixture and a sample writer. A package may lack one of them: without a
fixture the sample data is checked, without expected rows; without a sample writer the last
clause does not apply.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from m3it_builder.errors import ContractError
from m3it_builder.records import JsonObject
from m3it_builder.tasks.registry import BUILT_IN, Task, variants_of
from m3it_builder.testing.builds import check_config, check_sample, sample_source
from m3it_builder.testing.converters import check_converter
from m3it_builder.testing.expectation import check_expected, write_expected
from m3it_builder.testing.require import error_in_source

__all__ = ["Checked", "check_task"]

EXPECTED = "expected.json"


@dataclass(frozen=True, slots=True)
class Checked:
    """A task that keeps the contract: counts over all splits and variants."""

    rows: int
    rejects: int


def check_task(task: Task, fixture: Path | None = None, update: bool = False) -> Checked:
    """Require that a task and its variants keep the contract in the docstring of this module.

    Args:
        task: task to check.
        fixture: folder with ``source/`` and ``expected.json``; None if the task has none, to
            check its sample data.
        update: write ``expected.json`` instead of comparing with it.

    Raises:
        ContractError: the message names task, row and violated clause.
    """
    _check_files(task, fixture)
    check_converter(task)
    actual: JsonObject = {}
    with tempfile.TemporaryDirectory(prefix="m3it-check-") as name:
        folder = Path(name)
        source = fixture / "source" if fixture else sample_source(task, folder / "source")
        with error_in_source(task, is_sample=fixture is None):
            for config in (task, *variants_of(task)):
                actual[config.name] = check_config(config, source, folder / config.name)
        if task.sample:
            with error_in_source(task, is_sample=True):
                check_sample(task, folder)
    if fixture and update:
        write_expected(actual, fixture / EXPECTED)
    elif fixture:
        check_expected(task, actual, fixture / EXPECTED)
    units = [unit for splits in actual.values() for unit in splits.values()]
    return Checked(*(sum(len(unit[key]) for unit in units) for key in ("rows", "rejects")))


def _check_files(task: Task, fixture: Path | None) -> None:
    """Require a fixture or a sample writer, and both of a built-in task in a checkout."""
    if fixture and not (fixture / "source").is_dir():
        raise ContractError(
            f"{task.name}: {fixture / 'source'} is missing; `m3it check {task.name} --update` "
            "writes it"
        )
    if not fixture and not task.sample:
        raise ContractError(
            f"{task.name}: has neither a fixture nor a sample writer; write one of them"
        )
    if task.origin == BUILT_IN and not task.sample:
        raise ContractError(f"{task.name}: a built-in task needs a sample writer")
