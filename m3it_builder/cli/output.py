"""Tables for people, JSON for programs: results on stdout, everything else on stderr.

Texts come from strangers: captions, file names, messages of libraries. What people read shows
them literally, and control characters as escapes, so that no text can move the cursor, rename
the terminal window or look like another one. JSON has the exact values.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 160  # columns, where the output is not a terminal
# Control characters (C0 but the line feed, DEL, C1), separators of lines and paragraphs,
# bidirectional embeddings, overrides and isolates, surrogates.
_HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """Return a text with control characters as Python escapes; line feeds stay."""
    return _HIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def one_line(text: object) -> str:
    """Return a text as ``visible`` does, in one line."""
    return visible(str(text)).replace("\n", "\\n")


def print_text(text: object = "") -> None:
    """Print a text on stdout."""
    typer.echo(visible(str(text)))


def print_message(text: object) -> None:
    """Print a message on stderr, as one line."""
    typer.echo(one_line(text), err=True)


def print_json(value: Any, indent: int | None = 2) -> None:
    """Print one JSON value; without an indent, in one line."""
    import json

    text = json.dumps(value, default=str, indent=indent, ensure_ascii=False)
    typer.echo(_encodable(text, sys.stdout.encoding))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str | None = None
) -> None:
    """Print a table; numbers are right-aligned, None is blank."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    # Texts as objects: in plain strings rich interprets markup and emoji codes.
    heading = Text(visible(title), style="table.title") if title else None
    table = Table(title=heading, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for index, name in enumerate(columns):
        cells = [row[index] for row in listed if row[index] is not None]
        numeric = bool(cells) and all(isinstance(cell, int | float) for cell in cells)
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(Text(visible(name)), justify=justify, overflow="fold")
    for row in listed:
        table.add_row(*(Text(visible(_cell(cell))) for cell in row))
    console().print(table)


def console(stderr: bool = False) -> Console:
    """Return a rich console; of a fixed width where the output is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _WIDTH, highlight=False)


def format_counts(counts: Mapping[str, int]) -> str | None:
    """Return counts by name as text, or None if there are none."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _encodable(json_text: str, encoding: str | None) -> str:
    """Return the same JSON in characters that an encoding has."""
    try:
        json_text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        import json

        # Only strings contain such characters.
        return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], json_text)
    return json_text
