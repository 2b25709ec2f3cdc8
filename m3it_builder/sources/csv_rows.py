"""Rows of a CSV file with a header, streamed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from m3it_builder.sources.decoding import GZIP_ERRORS, unreadable

_MAX_CELL = 64 << 20  # bytes; some annotation files have whole web pages in one cell


def csv_rows(file: BinaryIO, name: str, delimiter: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each row, by column, with the number of its last line.

    Args:
        file: UTF-8, with or without a byte order mark; it is closed at the end.
        name: of the file, for messages.
        delimiter: one character.

    Raises:
        SourceError: a row has another number of cells than the header, or the file is corrupt.
    """
    csv.field_size_limit(_MAX_CELL)
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        reader = csv.DictReader(text, delimiter=delimiter, strict=True)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise unreadable(f"{name} line {reader.line_num}", "wrong number of cells")
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError, *GZIP_ERRORS) as error:
            raise unreadable(f"{name} line {reader.line_num}", str(error)) from error
