"""Small Parquet shards, committed, that today's writer has to reproduce byte for byte.

They fix the layout of pages, indexes and the footer. ``created_by`` has a constant version and
Snappy pages are stored as literals, so neither a release of m3it_builder nor one of Snappy
changes them. After an intended change of the layout, or a pyarrow release that serializes
Arrow schemas differently, rewrite them and review the difference:

    python -m tests.shards.golden
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from m3it_builder.shards.formats import TEXT_COLUMNS, EncodedImage, ImageEncoding, ShardRow
from m3it_builder.shards.parquet import pages, writer
from tests.support.shards import LONG, shrink_limits, write_parquet

CREATED_BY = "m3it_builder version 0.0.0"


@dataclass(frozen=True)
class Case:
    """The rows of a golden file."""

    rows: Sequence[ShardRow]
    encoding: ImageEncoding = "bytes"


def _rows(counts: Sequence[int]) -> list[ShardRow]:
    """Return rows with these numbers of images."""
    rng = random.Random(11)
    return [
        ShardRow(
            f"row-{n}",
            {
                **{name: f"{name} of row {n}" for name in TEXT_COLUMNS},
                **dict.fromkeys(("task", "split", "license", "image_license"), "constant"),
                "instruction": ("Describe the image.", "描述图片。")[n % 2],
                "outputs": LONG if n == 1 else "",
            },
            tuple(
                EncodedImage(rng.randbytes(20 + 30 * k), ("image/jpeg", "image/png")[k % 2])
                for k in range(count)
            ),
        )
        for n, count in enumerate(counts)
    ]


_COUNTS = [1, 0, 3, 1, 2, 0, 0, 5, 1, 1, 4, 0, 1, 1, 0, 2]
CASES = {
    "no-rows": Case(()),
    "one-row": Case(_rows([1])),
    "no-images": Case(_rows([0, 0, 0])),
    "row-groups": Case(_rows(_COUNTS)),
    "row-groups-base64": Case(_rows(_COUNTS), "base64"),
}


class LiteralSnappy:
    """A Snappy compressor that finds nothing to copy: its output depends on no library."""

    @staticmethod
    def compress(data: bytes, asbytes: bool) -> bytes:
        """Return a valid Snappy stream of literals."""
        del asbytes
        stream = bytearray()
        size = len(data)
        while size >= 0x80:
            stream.append(size & 0x7F | 0x80)
            size >>= 7
        stream.append(size)
        for start in range(0, len(data), 60):  # the longest literal with a one-byte tag
            literal = data[start : start + 60]
            stream.append(len(literal) - 1 << 2)
            stream += literal
        return bytes(stream)


def path(name: str) -> Path:
    """Return the path of a committed file."""
    return Path(__file__).with_name(f"{name}.parquet")


def write(name: str, target: Path) -> Path:
    """Write a golden file with today's writer."""
    case = CASES[name]
    with pytest.MonkeyPatch.context() as patch:
        shrink_limits(patch)
        patch.setattr(writer, "CREATED_BY", CREATED_BY)
        patch.setattr(pages, "_SNAPPY", LiteralSnappy)
        return write_parquet(target, case.rows, case.encoding)
