"""The end of a Parquet file: where every page lies, what is in it, and the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from m3it_builder.shards.parquet.pages import PLAIN, RLE, RLE_DICTIONARY, Page, Place
from m3it_builder.shards.parquet.schema import BYTE_ARRAY, Leaf
from m3it_builder.shards.parquet.statistics import Bounds, joined
from m3it_builder.shards.parquet.thrift import (
    BINARY,
    I32,
    I64,
    LIST,
    STRUCT,
    TRUE,
    boolean,
    i32,
    i64,
    integer,
    many,
    sized,
    struct,
    template,
    text,
)
from m3it_builder.storage.output import Output

MAGIC = b"PAR1"
_VERSION = 2
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_UNCOMPRESSED, _SNAPPY = 0, 1
_UNORDERED, _ASCENDING, _DESCENDING = 0, 1, 2
_YES, _NO = b"\1", b"\2"  # truth values in a list
_NOTHING = Bounds(b"", b"")  # of a page without values

_statistics = {
    (is_most, is_least): template(
        {3: I64, 5: BINARY, 6: BINARY, 7: boolean(is_most), 8: boolean(is_least)}
    )
    for is_most in (True, False)
    for is_least in (True, False)
}
_nulls_alone = template({3: I64})
_column_index = template({1: LIST, 2: LIST, 3: LIST, 4: I32, 5: LIST})
_page_place = template({1: I64, 2: I32, 3: I64})
_chunk = template({2: i64(0), 3: STRUCT, 4: I64, 5: I32})
_chunk_with_bounds = template({2: i64(0), 3: STRUCT, 4: I64, 5: I32, 6: I64, 7: I32})
_group = template({1: LIST, 2: I64, 3: I64, 5: I64, 6: I64})

Spot = tuple[bytes, bytes]  # offset and length of a part of the index


@dataclass(frozen=True, slots=True)
class Chunk:
    """All pages of one leaf in one row group."""

    leaf: Leaf
    pages: tuple[Page, ...]
    words: Place | None = None  # of its dictionary


@dataclass(frozen=True, slots=True)
class Group:
    """A row group; its chunks stand in the order of the schema, wherever they lie."""

    rows: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What a footer says of the file as a whole."""

    schema: Sequence[bytes]
    leaves: int
    notes: Mapping[str, str]  # key-value metadata
    maker: str


def write_footer(output: Output, about: About, groups: Sequence[Group]) -> None:
    """Append both page indexes, the footer and the end mark."""
    chunks = [chunk for group in groups for chunk in group.chunks]
    spots = zip(
        list(_put(output, map(_bounds_of_pages, chunks))),
        list(_put(output, map(_places_of_pages, chunks))),
        strict=True,
    )
    by_type = struct({1: (STRUCT, struct({}))})  # bounds are in the order of the type
    notes = [struct({1: text(name), 2: text(note)}) for name, note in about.notes.items()]
    footer = struct(
        {
            1: i32(_VERSION),
            2: (LIST, many(STRUCT, about.schema)),
            3: i64(sum(group.rows for group in groups)),
            4: (LIST, many(STRUCT, [_row_group(group, spots) for group in groups])),
            5: (LIST, many(STRUCT, notes)),
            6: text(about.maker),
            7: (LIST, many(STRUCT, [by_type] * about.leaves)),
        }
    )
    output.write_all((footer, len(footer).to_bytes(4, "little"), MAGIC))


def _put(output: Output, indexes: Iterable[bytes | None]) -> Iterator[Spot | None]:
    for index in indexes:
        if index is None:
            yield None
        else:
            yield integer(output.tell()), integer(output.write_all((index,)))


def _row_group(group: Group, spots: Iterator[tuple[Spot | None, Spot | None]]) -> bytes:
    told = []
    start = unpacked = size = 0
    for chunk, (bounds, places) in zip(group.chunks, spots):  # noqa: B905 - of all groups
        described, held = _metadata(chunk)
        assert places is not None  # noqa: S101 - only bounds may be unknown
        if bounds:
            told.append(_chunk_with_bounds(described, *places, *bounds))
        else:
            told.append(_chunk(described, *places))
        start = min(start or held.offset, held.offset)
        unpacked += held.unpacked
        size += held.size
    numbers = map(integer, (unpacked, group.rows, start, size))
    return _group(many(STRUCT, told), *numbers)


def _metadata(chunk: Chunk) -> tuple[bytes, Place]:
    """Return what the footer says of a chunk, and where it lies as a whole."""
    leaf, pages, words = chunk.leaf, chunk.pages, chunk.words
    places = [page.place for page in pages]
    first = places[0].offset
    if words:
        places.append(words)
    held = Place(
        words.offset if words else first,
        sum([place.size for place in places]),
        sum([place.unpacked for place in places]),
    )
    entries = sum([page.levels.entries for page in pages])
    numbers = [integer(entries), integer(held.unpacked), integer(held.size), integer(first)]
    if words:
        numbers.append(integer(words.offset))
    if leaf.bounded:
        numbers.append(_told_bounds(pages))
    return _told_of(leaf, len(pages))(*numbers), held


@lru_cache(256)
def _told_of(leaf: Leaf, pages: int) -> Callable[..., bytes]:
    """Return a template for what is told of all chunks of a leaf that have so many pages."""
    path = many(BINARY, [sized(name.encode()) for name in leaf.path])
    values = RLE_DICTIONARY if leaf.repeats else PLAIN
    used = [(_DATA_PAGE, values, pages)]
    if leaf.repeats:
        used.insert(0, (_DICTIONARY_PAGE, PLAIN, 1))
    counts = [struct({1: i32(kind), 2: i32(how), 3: i32(n)}) for kind, how, n in used]
    encodings = many(I32, [integer(number) for number in (RLE, *{PLAIN: 0, values: 0})])
    return template(
        {
            1: i32(BYTE_ARRAY),
            2: (LIST, encodings),
            3: (LIST, path),
            4: i32(_SNAPPY if leaf.compressed else _UNCOMPRESSED),
            **{5: I64, 6: I64, 7: I64, 9: I64},
            **({11: I64} if leaf.repeats else {}),
            **({12: STRUCT} if leaf.bounded else {}),
            13: (LIST, many(STRUCT, counts)),
        }
    )


def _told_bounds(pages: Sequence[Page]) -> bytes:
    nulls = integer(sum([page.levels.nulls for page in pages]))
    known = [page.bounds for page in pages if page.bounds]
    if not known:
        return _nulls_alone(nulls)
    all_in_all = joined(known)
    told = _statistics[all_in_all.is_most, all_in_all.is_least]
    return told(nulls, sized(all_in_all.most), sized(all_in_all.least))


def _bounds_of_pages(chunk: Chunk) -> bytes | None:
    """Return the bounds of each page; None where they are not told."""
    pages = chunk.pages
    if not chunk.leaf.bounded:
        return None
    bounds = [page.bounds or _NOTHING for page in pages]
    return _column_index(
        many(TRUE, [_NO if page.levels.values else _YES for page in pages]),
        many(BINARY, [sized(each.least) for each in bounds]),
        many(BINARY, [sized(each.most) for each in bounds]),
        integer(_order([page.bounds for page in pages if page.bounds])),
        many(I64, [integer(page.levels.nulls) for page in pages]),
    )


def _order(bounds: Sequence[Bounds]) -> int:
    pairs = list(pairwise(bounds))
    if all([a.least <= b.least and a.most <= b.most for a, b in pairs]):
        return _ASCENDING
    if all([a.least >= b.least and a.most >= b.most for a, b in pairs]):
        return _DESCENDING
    return _UNORDERED


def _places_of_pages(chunk: Chunk) -> bytes:
    places = []
    first = 0  # row
    for page in chunk.pages:
        place = page.place
        places.append(_page_place(integer(place.offset), integer(place.size), integer(first)))
        first += page.levels.rows
    return _offset_index(many(STRUCT, places))


_offset_index = template({1: LIST})
