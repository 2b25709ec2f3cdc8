"""Failures of several units: one line for each cause, and the exit status."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from m3it_builder.cli.output import print_message
from m3it_builder.errors import Failure, MissingSourcesError, first_few


def print_failures(failures: Sequence[Failure]) -> None:
    """Print one line per cause, and exit with the lowest status if there are failures.

    Raises:
        typer.Exit: at least one unit failed.
    """
    for line in failure_lines(failures):
        print_message(f"m3it: {line}")
    if failures:
        raise typer.Exit(min(failure.error.exit_code for failure in failures))


def failure_lines(failures: Sequence[Failure]) -> list[str]:
    """Return one line per cause; units that failed of the same cause are named together."""
    causes: dict[object, list[Failure]] = {}
    for failure in failures:
        causes.setdefault(_cause(failure), []).append(failure)
    return [_line(group) for group in causes.values()]


def _cause(failure: Failure) -> object:
    error = failure.error
    if isinstance(error, MissingSourcesError):
        return type(error), error.task
    return error.cause or str(error).replace(failure.unit, "")


def _line(group: Sequence[Failure]) -> str:
    first, *others = (failure.error for failure in group)
    if isinstance(first, MissingSourcesError):
        same = [error for error in others if isinstance(error, MissingSourcesError)]
        return str(first.with_others(same)) if same else str(first)
    return f"{first}{_the_same(group)}"


def _the_same(group: Sequence[Failure]) -> str:
    names = [failure.unit for failure in group[1:]]
    return f" (the same for {first_few(names)})" if names else ""
