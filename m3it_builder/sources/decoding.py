"""Decode annotation files: JSON and UTF-8, with a message that says where they are corrupt."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from m3it_builder.errors import SourceError
from m3it_builder.storage.json_values import loads

BOM = b"\xef\xbb\xbf"
GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)  # of truncated or corrupt gzip files


def parse_json(data: bytes, position: str) -> Any:
    """Return the value of a JSON text; ``position`` names it in messages."""
    try:
        return loads(data)
    except ValueError as error:
        raise unreadable(position, str(error)) from error


def decode_utf8(line: bytes, position: str) -> str:
    """Return a UTF-8 text; ``position`` names it in messages."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise unreadable(position, str(error)) from error


def unreadable(position: str, detail: str) -> SourceError:
    """Return the error for a truncated or corrupt annotation file."""
    return SourceError(
        f"{position}: cannot be read ({detail})",
        "the file is truncated or corrupt, download it again",
    )
