"""Results of queries: tables for people, rows that are too wide for one as blocks; CSV and JSON."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, Literal

import typer

from m3it_builder.cli.output import (
    console,
    print_json,
    print_message,
    print_table,
    print_text,
    visible,
)

Form = Literal["table", "json", "jsonl", "csv", "tsv"]

_READABLE = 20  # characters: a column may be folded to this width, but not further
_BETWEEN = 2  # characters between two columns
_MEASURED_ROWS = 1_000


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Form) -> None:
    """Print rows on stdout; in all forms but the table, every column has a name of its own."""
    if form == "table":
        print_readable(columns, rows)
        return
    names = distinct(columns)
    if form == "json":
        print_json(as_objects(names, rows))
    elif form == "jsonl":
        for row in rows:
            print_json(as_objects(names, [row])[0], indent=None)
    else:
        _print_separated(names, rows, "\t" if form == "tsv" else ",")


def as_objects(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return rows as JSON objects."""
    from m3it_builder.audits.values import json_value

    return [dict(zip(names, map(json_value, row), strict=True)) for row in rows]


def distinct(columns: Sequence[str]) -> tuple[str, ...]:
    """Return column names without repetition, and say on stderr which ones were changed."""
    from m3it_builder.audits.values import unique_names

    names = unique_names(columns)
    changed = [name for name, column in zip(names, columns, strict=True) if name != column]
    if changed:
        print_message(f"m3it: several columns have the same name; renamed: {', '.join(changed)}")
    return names


def print_readable(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None
) -> None:
    """Print a table, or one block per row if the columns do not fit side by side."""
    from m3it_builder.audits.values import table_value

    shown = (tuple(map(table_value, row)) for row in rows)
    first = list(islice(shown, _MEASURED_ROWS))
    if title:
        print_text(title)  # as a title of the table, it would be folded to the width of that
    if not first or _width(columns, first) <= console().width:
        print_table(columns, chain(first, shown))
    else:
        _print_blocks(columns, chain(first, shown))


def _width(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> int:
    """Return the least width at which a table of these rows is readable, in characters."""
    from rich.cells import cell_len

    widths = []
    for position, column in enumerate(columns):
        longest = max(cell_len(str(row[position])) for row in rows)
        widths.append(max(cell_len(column), min(longest, _READABLE)))
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _print_blocks(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = [visible(column).replace("\n", "\\n") for column in columns]
    width = max(map(len, names))
    for number, row in enumerate(rows, 1):
        print_text(f"{'' if number == 1 else chr(10)}--- row {number:,} ---")
        for name, value in zip(names, row, strict=True):
            text = "" if value is None else str(value)
            indented = text.replace("\n", "\n" + " " * (width + 2))
            print_text(f"{name:<{width}}  {indented}".rstrip())


def _print_separated(names: Sequence[str], rows: Iterable[Sequence[Any]], separator: str) -> None:
    """Print rows as CSV (RFC 4180, but lines end in LF); on a terminal, without controls."""
    show = visible if sys.stdout.isatty() else str
    for line in _separated(chain([names], rows), separator, show):
        typer.echo(line, nl=False)


def _separated(rows: Iterable[Sequence[Any]], separator: str, show: Any) -> Iterator[str]:
    from m3it_builder.audits.values import text_value

    for row in rows:
        line = io.StringIO()
        writer = csv.writer(line, delimiter=separator, lineterminator="\n")
        writer.writerow([show(text_value(value)) for value in row])
        yield line.getvalue()
