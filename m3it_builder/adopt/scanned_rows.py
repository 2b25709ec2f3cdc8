"""Rows of a published file without their images, as a scan stores them: one JSON array per line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from m3it_builder.storage.json_values import dumps, loads_strict

if TYPE_CHECKING:
    from pydantic import JsonValue


class ImageSpan(NamedTuple):
    """Location of one base64 image in a published file, and what decoding it gives."""

    offset: int
    stored_length: int  # bytes of base64
    length: int  # bytes of the decoded image
    crc: int  # CRC-32 of the decoded image
    digest: str  # BLAKE3 of the decoded image, hexadecimal


@dataclass(frozen=True, slots=True)
class ScannedRow:
    """One line of a published file, with the locations of its images."""

    line: int  # from 1, blank lines counted
    instruction: str | None
    inputs: str | None
    outputs: str | None
    label: int | None  # class number
    meta: dict[str, JsonValue]
    images: tuple[ImageSpan, ...]


@dataclass(frozen=True, slots=True)
class MalformedLine:
    """A line that is not a row; becomes a reject."""

    line: int
    reason: str
    detail: str


ScannedLine = ScannedRow | MalformedLine


def encode(item: ScannedLine) -> bytes:
    """Return the stored form of a line.

    Raises:
        ValueError: a string has a lone surrogate, or a number is not finite.
    """
    values = [getattr(item, name) for name in item.__slots__]
    return dumps(values)


def read_scanned(path: Path) -> Iterator[ScannedLine]:
    """Yield the lines that a scan stored, in file order."""
    with path.open("rb") as file:
        for line in file:
            values = loads_strict(line)
            if len(values) == len(MalformedLine.__slots__):
                yield MalformedLine(*values)
            else:
                number, instruction, inputs, outputs, label, meta, spans = values
                images = tuple(ImageSpan(*span) for span in spans)
                yield ScannedRow(number, instruction, inputs, outputs, label, meta, images)
