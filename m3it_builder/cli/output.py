"""Tables for people, JSON for programs: results on stdout, everything else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from m3it_builder.errors import Failure

_WIDTH = 160  # columns, where the output is not a terminal


def print_json(value: Any) -> None:
    """Print one JSON value."""
    import orjson

    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    try:
        text = orjson.dumps(value, default=str, option=option).decode()
    except TypeError:  # an integer of more than 64 bits
        import json

        text = json.dumps(value, default=str, indent=2, ensure_ascii=False)
    typer.echo(text)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None
) -> None:
    """Print a table; numbers are right-aligned, None is blank."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    listed = [list(row) for row in rows]
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, name in enumerate(columns):
        cells = [row[index] for row in listed if row[index] is not None]
        numeric = bool(cells) and all(isinstance(cell, int | float) for cell in cells)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(escape(_cell(cell)) for cell in row))
    console().print(table)


def console(stderr: bool = False) -> Console:
    """Return a rich console; of a fixed width where the output is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _WIDTH, highlight=False)


def print_failures(failures: Sequence[Failure]) -> None:
    """Print one line per failed unit, and exit with their lowest status if there are any.

    Raises:
        typer.Exit: at least one unit failed.
    """
    for failure in failures:
        typer.echo(f"m3it: {failure.error}", err=True)
    if failures:
        raise typer.Exit(min(failure.error.exit_code for failure in failures))


def format_counts(counts: Mapping[str, int]) -> str | None:
    """Return counts by name as text, or None if there are none."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
