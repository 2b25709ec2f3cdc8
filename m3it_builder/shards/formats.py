"""Shard formats behind one small interface."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal, Protocol, cast

from m3it_builder.storage.output import Output

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


# Text columns of every format, in this order; images stand after ``outputs``.
TEXT_COLUMNS = (
    "id",
    "task",
    "split",
    "lang",
    "instruction",
    "inputs",
    "outputs",
    "license",
    "image_license",
    "meta",
)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """One image as it is stored."""

    data: bytes
    mime: str


@dataclass(frozen=True, slots=True)
class ShardRow:
    """One row as the writers take it."""

    key: str  # unique in the split, free of dots
    texts: Mapping[str, str]  # one string for each of TEXT_COLUMNS
    images: tuple[EncodedImage, ...]


class ShardWriter(Protocol):
    """Writes the rows of one shard to one file."""

    def __init__(self, output: Output, encoding: Literal["bytes", "base64"]) -> None:
        """Begin; ``images`` says whether images are bytes or base64 text."""

    def write(self, row: ShardRow) -> tuple[int, int]:
        """Append one row; return its offset and length in the file, in bytes."""

    def close(self) -> None:
        """Write what the format has at its end; the output itself stays open."""


@dataclass(frozen=True, slots=True)
class Format:
    """Where a format's writer is, and how its files end."""

    suffix: str
    module: str
    writer: str
    folder_a_split: bool = False

    def path(self, split: str, shard: int, name: str) -> str:
        """Return the path of a shard inside the folder of its task."""
        stem = f"{split}-{shard:05d}.{self.suffix}"
        return f"{name}/{split}/{stem}" if self.folder_a_split else f"{name}/{stem}"


FORMATS: Mapping[str, Format] = {
    "webdataset": Format("tar", "webdataset", "WebDatasetWriter"),
    "parquet": Format("parquet", "parquet.writer", "ParquetWriter"),
    "arrow": Format("arrow", "arrow", "ArrowWriter", folder_a_split=True),
    "jsonl": Format("jsonl", "jsonl", "JsonlWriter"),
}


def open_writer(name: str, output: Output, encoding: Literal["bytes", "base64"]) -> ShardWriter:
    """Return the writer of a format, importing what it needs."""
    module = importlib.import_module(f"m3it_builder.shards.{FORMATS[name].module}")
    writer = cast(Any, getattr(module, FORMATS[name].writer))
    return cast(ShardWriter, writer(output, encoding))


def row_key(row_id: str) -> str:
    """Return a key without dots, blanks or slashes: the id itself where it is clean."""
    if _SAFE_KEY.fullmatch(row_id):
        return row_id
    # An id never starts with "_" where it is used as it stands, so the two kinds cannot meet.
    return "_" + blake2b(row_id.encode(), digest_size=12).hexdigest()
