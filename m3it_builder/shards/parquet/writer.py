"""Parquet shards, laid out the way the Hub stores and pages image datasets best.

Row groups stay far below 64 MB and are cut by content, so that a changed row
re-uploads little; the page index lets readers skip; images, which do not
compress, are stored plain, and go to the file uncopied, page by page. Their column is
the first of the schema, so that all columns lie in its order (see
``docs/decisions/0013-our-own-parquet-pages.md``).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import pybase64

from m3it_builder.shards.features import arrow_schema, table_features
from m3it_builder.shards.formats import ShardRow
from m3it_builder.shards.parquet.footer import MAGIC, About, Chunk, Group, write_footer
from m3it_builder.shards.parquet.pages import (
    PAGE_BYTES,
    Page,
    flat_levels,
    nested_levels,
    numbered,
    plain,
    write_page,
    write_words,
)
from m3it_builder.shards.parquet.schema import Leaf, elements, leaves
from m3it_builder.shards.row_groups import ends_group, fits, image_path, row_size
from m3it_builder.storage.output import Output
from m3it_builder.version import __version__


class ParquetWriter:
    """Writes one Parquet file."""

    def __init__(self, output: Output, encoding: Literal["bytes", "base64"]) -> None:
        self._output = output
        self._encoding = encoding
        self._leaves = leaves(encoding)
        self._images = _Images(output, self._leaves[0])
        self._rows: list[Mapping[str, str]] = []
        self._paths: list[list[bytes]] = []
        self._size = 0
        self._groups: list[Group] = []
        output.write(MAGIC)

    def write(self, row: ShardRow) -> tuple[int, int]:
        """Append one row; a Parquet row has no place of its own."""
        size = row_size(row)
        if self._rows and not fits(self._size, size):
            self._end_group()
        if self._encoding == "base64":
            self._images.add([pybase64.b64encode(image.data) for image in row.images])
        else:
            self._images.add([image.data for image in row.images])
            names = [image_path(row.key, *placed) for placed in enumerate(row.images)]
            self._paths.append([name.encode() for name in names])
        self._rows.append(row.texts)
        self._size += size
        if ends_group(row.key, self._size):
            self._end_group()
        return 0, 0

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._rows:
            self._end_group()
        about = About(
            schema=elements(self._encoding),
            leaves=len(self._leaves),
            notes=_notes(self._encoding),
            maker=f"m3it_builder version {__version__}",
        )
        write_footer(self._output, about, self._groups)

    def _end_group(self) -> None:
        chunks = [self._images.end(), *map(self._text_chunk, self._leaves[1:])]
        self._groups.append(Group(len(self._rows), tuple(chunks)))
        self._rows.clear()
        self._paths.clear()
        self._size = 0

    def _text_chunk(self, leaf: Leaf) -> Chunk:
        if leaf.nested:
            return _path_chunk(self._output, leaf, self._paths)
        name = leaf.path[0]
        return _column_chunk(self._output, leaf, [row[name] for row in self._rows])


class _Images:
    """The images of a row group; a page is written as soon as it is full."""

    def __init__(self, output: Output, leaf: Leaf) -> None:
        self._output = output
        self._leaf = leaf
        self._counts: list[int] = []
        self._held: list[bytes] = []
        self._size = 0
        self._pages: list[Page] = []

    def add(self, images: Sequence[bytes]) -> None:
        """Append the images of a row."""
        self._counts.append(len(images))
        self._held += images
        self._size += sum(map(len, images))
        if self._size >= PAGE_BYTES:
            self._end_page()

    def end(self) -> Chunk:
        """Write what is left; return the chunk, and begin another."""
        if self._counts:
            self._end_page()
        chunk = Chunk(self._leaf, tuple(self._pages))
        self._pages.clear()
        return chunk

    def _end_page(self) -> None:
        levels = nested_levels(tuple(self._counts), self._leaf.depth)
        values = plain(self._leaf, self._held)
        self._pages.append(write_page(self._output, self._leaf, levels, values))
        self._counts.clear()
        self._held.clear()
        self._size = 0


def _column_chunk(output: Output, leaf: Leaf, texts: Sequence[str]) -> Chunk:
    """Write a text column: places in a dictionary, or pages of plain texts."""
    if leaf.repeats:
        words, numbers = numbered(texts)
        place = write_words(output, leaf, words)
        page = write_page(output, leaf, flat_levels(len(texts)), numbers)
        return Chunk(leaf, (page,), place)
    values = list(map(str.encode, texts))
    pages = [
        write_page(output, leaf, flat_levels(last - first), plain(leaf, values[first:last]))
        for first, last in _cuts(list(map(len, values)))
    ]
    return Chunk(leaf, tuple(pages))


def _path_chunk(output: Output, leaf: Leaf, rows: Sequence[Sequence[bytes]]) -> Chunk:
    """Write the names of the images, in pages that hold whole rows."""
    pages = []
    for first, last in _cuts([sum(map(len, names)) for names in rows]):
        levels = nested_levels(tuple(map(len, rows[first:last])), leaf.depth)
        values = plain(leaf, [name for names in rows[first:last] for name in names])
        pages.append(write_page(output, leaf, levels, values))
    return Chunk(leaf, tuple(pages))


def _cuts(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield from where to where each page goes, in rows; a page ends once it is full."""
    first = held = 0
    for place, size in enumerate(sizes):
        held += size
        if held >= PAGE_BYTES:
            yield first, place + 1
            first, held = place + 1, 0
    if first < len(sizes):
        yield first, len(sizes)


def _notes(encoding: str) -> dict[str, str]:
    schema = arrow_schema(table_features(encoding))
    # Both spellings: `datasets` writes one, the Hub's viewer looks for the other.
    marks = {"content_defined_chunking": "true", "use_content_defined_chunking": "true"}
    schema = schema.with_metadata({**schema.metadata, **marks})
    notes = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    return {**notes, "ARROW:schema": base64.b64encode(schema.serialize()).decode()}
