"""Tables for people, JSON for programs. Results go to stdout, all else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer


def print_json(value: Any) -> None:
    """Print one JSON value."""
    import orjson

    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    try:
        text = orjson.dumps(value, default=str, option=option).decode()
    except TypeError:  # a whole number of more than 64 bits
        import json

        text = json.dumps(value, default=str, indent=2, ensure_ascii=False)
    typer.echo(text)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None
) -> None:
    """Print a table; numbers stand right, None is blank."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    listed = [list(row) for row in rows]
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for place, name in enumerate(columns):
        cells = [row[place] for row in listed if row[place] is not None]
        numeric = bool(cells) and all(isinstance(cell, int | float) for cell in cells)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(escape(_cell(cell)) for cell in row))
    console().print(table)


def console(stderr: bool = False) -> Any:
    """Return a rich console; wide where nobody reads the terminal's width."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 160, highlight=False)


def tally(counts: Mapping[str, int]) -> str | None:
    """Say counts by name; None where there are none."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or None


def size(count: float) -> str:
    """Say a number of bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
