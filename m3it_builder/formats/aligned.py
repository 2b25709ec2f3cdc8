"""Texts in several files, of which line n belongs to line n of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from m3it_builder.errors import SourceError
from m3it_builder.sources.source import Source


def aligned_lines(source: Source, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield line n of every file.

    Raises:
        SourceError: one of the files ends before the others.
    """
    for number, lines in enumerate(zip_longest(*map(source.text, names)), 1):
        found = {name: line for name, line in zip(names, lines, strict=True) if line is not None}
        if len(found) < len(names):
            ended = next(name for name in names if name not in found)
            raise SourceError(
                f"{ended} ends after line {number - 1:,} and {next(iter(found))} does not, but "
                "line n of both must belong together",
                "they are of different versions or truncated, download both again",
            )
        yield tuple(found.values())
