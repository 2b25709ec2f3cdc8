"""The shard formats: all facts about each, and the interface of their writers."""

from __future__ import annotations

import importlib
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from typing import Any, Literal, Protocol, cast

from m3it_builder.storage.output import Output

FormatName = Literal["webdataset", "parquet", "arrow", "jsonl"]
# shared: images are stored in another build; rows have their digests.
ImageEncoding = Literal["bytes", "base64", "shared"]

_SAFE_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


# Text columns of every format, in this order. In Parquet and Arrow the images come first.
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

    key: str  # unique in the split, without dots
    texts: Mapping[str, str]  # one string for each of TEXT_COLUMNS
    images: tuple[EncodedImage, ...]
    image_ids: tuple[str, ...] = ()  # BLAKE3 of each image, where another build stores them


class RowRanges:
    """Byte ranges of the rows of a shard file, in row order."""

    __slots__ = ("lengths", "offsets")

    def __init__(self) -> None:
        # Arrays: 16 bytes per row, where a list of tuples would take 120.
        self.offsets = array("q")
        self.lengths = array("q")

    def append(self, offset: int, length: int) -> None:
        """Add the range of the next row."""
        self.offsets.append(offset)
        self.lengths.append(length)

    def extend(self, start: int, lengths: Sequence[int]) -> None:
        """Add rows that are consecutive in the file, the first one at ``start``."""
        self.lengths.extend(lengths)
        self.offsets.extend(accumulate(lengths, initial=start))
        self.offsets.pop()  # the end of the last row

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> tuple[int, int]:
        return self.offsets[row], self.lengths[row]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.offsets, self.lengths, strict=True)


class ShardWriter(Protocol):
    """Writes the rows of one shard to one file.

    Attributes:
        ranges: the byte range of each row; None where a row is not one range of the file.
            It grows in row order while rows are written, and is complete after ``close``.
    """

    ranges: RowRanges | None

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        """Start a file; ``encoding`` is that of the images."""

    def write(self, row: ShardRow) -> None:
        """Append one row."""

    def close(self) -> None:
        """Write the end of the file; the output itself stays open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """All that other modules need to know about a shard format."""

    name: FormatName
    suffix: str
    writer: str  # module and class, imported when a file is written
    text_writer: str = ""  # the same, for rows without images; "" if the writer has them, too
    loading_rank: int  # lowest for the format that `datasets` loads best
    reading_rank: int  # lowest for the cheapest random access, see `reading_cost`
    range_encodings: tuple[ImageEncoding, ...] = ("bytes", "base64", "shared")
    embeds_base64: bool = False  # whatever encoding is asked for
    folder_per_split: bool = False
    state_file: str | None = None  # makes its folder loadable, in place of a README
    declares_features: bool = False  # in each file, so that its folder needs no README

    def path(self, split: str, shard: int) -> str:
        """Return the path of a shard inside the folder of its task."""
        stem = f"{split}-{shard:05d}.{self.suffix}"
        return f"{self.name}/{split}/{stem}" if self.folder_per_split else f"{self.name}/{stem}"

    def pattern(self, split: str) -> str:
        """Return a glob pattern for the shards of a split, relative to the format's folder."""
        pattern = f"{split}-*.{self.suffix}"
        return f"{split}/{pattern}" if self.folder_per_split else pattern

    def has_offsets(self, encoding: ImageEncoding) -> bool:
        """Return True if the index has the byte range of each row, given this image encoding."""
        return encoding in self.range_encodings

    def reading_cost(self, encoding: ImageEncoding) -> tuple[bool, int]:
        """Return a sort key: lowest for the format with the cheapest random access."""
        return not self.has_offsets(encoding), self.reading_rank

    @property
    def range_columns(self) -> tuple[str, str]:
        """Return the index columns with the offset and the length of a row."""
        return f"{self.name}_offset", f"{self.name}_length"

    def image_encoding(self, encoding: ImageEncoding) -> ImageEncoding:
        """Return how images are stored when ``encoding`` is asked for."""
        return "base64" if self.embeds_base64 and encoding != "shared" else encoding

    @property
    def folder_file(self) -> str | None:
        """Return the name of the file that makes its folder loadable; None if none is needed."""
        return self.state_file or (None if self.declares_features else "README.md")

    @property
    def loader(self) -> str:
        """Return the function of `datasets` that loads its folder."""
        return "load_from_disk" if self.state_file else "load_dataset"


_FORMATS = (
    Format(
        name="webdataset",
        suffix="tar",
        writer="webdataset.WebDatasetWriter",
        loading_rank=1,
        reading_rank=0,
    ),
    Format(
        name="parquet",
        suffix="parquet",
        writer="parquet.writer.ParquetWriter",
        text_writer="text_parquet.TextParquetWriter",
        loading_rank=0,
        reading_rank=1,
        range_encodings=("bytes",),  # base64 text is compressed, a page at a time
        declares_features=True,
    ),
    Format(
        name="arrow",
        suffix="arrow",
        writer="arrow.ArrowWriter",
        loading_rank=3,
        reading_rank=3,
        range_encodings=(),
        folder_per_split=True,
        state_file="dataset_dict.json",
    ),
    Format(
        name="jsonl",
        suffix="jsonl",
        writer="jsonl.JsonlWriter",
        loading_rank=2,
        reading_rank=2,
        embeds_base64=True,
    ),
)
FORMATS: Mapping[str, Format] = {form.name: form for form in _FORMATS}


def open_writer(name: str, output: Output, encoding: ImageEncoding) -> ShardWriter:
    """Return the writer of a format, importing what it needs."""
    entry = FORMATS[name]
    location = entry.text_writer if encoding == "shared" and entry.text_writer else entry.writer
    module, _, cls = location.rpartition(".")
    writer = cast(Any, getattr(importlib.import_module(f"m3it_builder.shards.{module}"), cls))
    return cast(ShardWriter, writer(output, encoding))


def row_key(row_id: str) -> str:
    """Return a key without dots, blanks or slashes: the id itself where it has none."""
    if _SAFE_KEY.fullmatch(row_id):
        return row_id
    # An id that is used as a key never starts with "_", so it cannot equal a hashed one.
    return "_" + blake2b(row_id.encode(), digest_size=12).hexdigest()
