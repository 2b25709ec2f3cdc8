"""Pages of a Parquet file: a header, levels, and values that are not copied on their way.

A plain page of byte arrays is each value behind its length, so images go to the
file as they were read. Data pages are of version 1, their levels run-length coded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct

import pyarrow as pa

from m3it_builder.errors import BuildError
from m3it_builder.shards.parquet.schema import Leaf
from m3it_builder.shards.parquet.statistics import Bounds, bounds_of
from m3it_builder.shards.parquet.thrift import I32, STRUCT, boolean, i32, integer, template, varint
from m3it_builder.storage.output import Output

PAGE_BYTES = 1 << 20  # a page ends with the row that reaches it
PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
MOST_BYTES = (1 << 31) - 1  # of a page and its header

_HEAD_BYTES = 64  # at most
_SMALL = 4096  # bytes; pieces smaller than this are cheaper joined than written one by one
_LENGTH = Struct("<I")
_RUN = re.compile(rb"(.)\1*", re.DOTALL)
_SNAPPY = pa.Codec("snappy")

_levels = i32(RLE)
_page_head = template({1: i32(0), 2: I32, 3: I32, 5: STRUCT})
_page_values = template({1: I32, 2: I32, 3: _levels, 4: _levels})
_words_head = template({1: i32(2), 2: I32, 3: I32, 7: STRUCT})
_words_values = template({1: I32, 2: i32(PLAIN), 3: boolean(False)})


@dataclass(frozen=True, slots=True)
class Levels:
    """Which values of a page belong to which row, and which are there at all."""

    rows: int
    entries: int  # values and nulls
    values: int
    coded: bytes

    @property
    def nulls(self) -> int:
        """Return how many entries are none."""
        return self.entries - self.values


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a page, in pieces that stand one after the other."""

    pieces: Sequence[bytes]
    bounds: Bounds | None = None  # None where there are none
    encoding: int = PLAIN


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page lies in the file, in bytes."""

    offset: int
    size: int  # header included
    unpacked: int  # the same before compression


@dataclass(frozen=True, slots=True)
class Page:
    """A data page that was written."""

    place: Place
    levels: Levels
    bounds: Bounds | None


@lru_cache(64)
def flat_levels(rows: int) -> Levels:
    """Return the levels of a column with one value a row."""
    return Levels(rows, rows, rows, _framed(varint(rows << 1) + b"\1"))


@lru_cache(8)  # pages of one image a row are alike; others are long, and not kept for long
def nested_levels(counts: tuple[int, ...], depth: int) -> Levels:
    """Return the levels of a list column.

    Args:
        counts: how many values each row has; none is an empty list, not a null.
        depth: the definition level of a value.
    """
    each = {n: (b"\0" + b"\1" * (n - 1), bytes((depth,)) * n or b"\1") for n in set(counts)}
    starts = b"".join([each[count][0] for count in counts])
    there = b"".join([each[count][1] for count in counts])
    coded = _framed(_runs(starts)) + _framed(_runs(there))
    return Levels(len(counts), len(there), sum(counts), coded)


def plain(leaf: Leaf, values: Sequence[bytes]) -> Values:
    """Return values as they are; with their bounds, if the leaf has such.

    Raises:
        BuildError: they are larger than a page can be.
    """
    sizes = list(map(len, values))
    _require_fits(leaf, sum(sizes))
    pieces = [b""] * (2 * len(values))
    pieces[::2] = map(_LENGTH.pack, sizes)
    pieces[1::2] = values
    return Values(pieces, bounds_of(values) if leaf.bounded else None)


def numbered(values: Sequence[str]) -> tuple[list[bytes], Values]:
    """Return the words of a dictionary, and the values as their places in it."""
    places = {word: place for place, word in enumerate(dict.fromkeys(values))}
    words = list(map(str.encode, places))
    numbers = list(map(places.__getitem__, values))
    size = -(-(len(words) - 1).bit_length() // 8) or 1  # whole bytes need no shifting
    if len(words) == 1:
        run = varint(len(numbers) << 1) + b"\0"
    else:
        eights = -(-len(numbers) // 8)  # which is how they come
        run = varint(eights << 1 | 1) + _packed(numbers, size).ljust(eights * 8 * size, b"\0")
    return words, Values((bytes((size * 8,)), run), bounds_of(words), RLE_DICTIONARY)


def write_page(output: Output, leaf: Leaf, levels: Levels, values: Values) -> Page:
    """Append a data page to the file.

    Raises:
        BuildError: it would be larger than a page can be.
    """
    told = _page_values(integer(levels.entries), integer(values.encoding))
    place = _append(output, leaf, (_page_head, told), (levels.coded, *values.pieces))
    return Page(place, levels, values.bounds)


def write_words(output: Output, leaf: Leaf, words: Sequence[bytes]) -> Place:
    """Append the page of a dictionary to the file."""
    pieces = plain(leaf, words).pieces
    return _append(output, leaf, (_words_head, _words_values(integer(len(words)))), pieces)


def _append(
    output: Output, leaf: Leaf, kind: tuple[Callable[..., bytes], bytes], pieces: Sequence[bytes]
) -> Place:
    size = sum(map(len, pieces))
    _require_fits(leaf, size)
    if leaf.compressed:
        pieces = (_SNAPPY.compress(b"".join(pieces), asbytes=True),)
    elif size < len(pieces) * _SMALL:
        pieces = (b"".join(pieces),)
    packed = sum(map(len, pieces))
    _require_fits(leaf, packed)  # what does not compress grows
    head_of, told = kind
    head = head_of(integer(size), integer(packed), told)
    offset = output.tell()
    output.write_all((head, *pieces))
    return Place(offset, len(head) + packed, len(head) + size)


def _require_fits(leaf: Leaf, size: int) -> None:
    if size > MOST_BYTES - _HEAD_BYTES:
        raise BuildError(
            f"a row has {size:,} bytes in column {leaf.path[0]}, more than Parquet takes "
            f"({MOST_BYTES:,}); give it fewer or smaller images, or build another format"
        )


def _runs(levels: bytes) -> bytes:
    """Return levels below 256 as runs, one byte each behind the length of its run."""
    runs = [run.group() for run in _RUN.finditer(levels)]
    return b"".join([varint(len(run) << 1) + run[:1] for run in runs])


def _packed(numbers: Sequence[int], size: int) -> bytes:
    if size == 1:
        return bytes(numbers)
    return b"".join([number.to_bytes(size, "little") for number in numbers])


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data
