"""Parquet shards, laid out as the Hub stores and pages through image datasets best.

Row groups stay far below 64 MB and are cut by content, so that a changed row
re-uploads little; page indexes let readers skip pages; images, which do not
compress, are stored uncompressed and written uncopied, page by page (see
``docs/decisions/0013-our-own-parquet-pages.md``).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence

import pybase64

from m3it_builder.shards.features import arrow_schema, table_features
from m3it_builder.shards.formats import ImageEncoding, RowRanges, ShardRow
from m3it_builder.shards.parquet.enums import CompressionCodec
from m3it_builder.shards.parquet.footer import (
    MAGIC,
    ColumnChunk,
    FileMetaData,
    RowGroup,
    write_footer,
)
from m3it_builder.shards.parquet.pages import (
    LENGTH_BYTES,
    PAGE_BYTES,
    DataPage,
    dictionary_values,
    flat_levels,
    list_levels,
    plain_values,
    write_data_page,
    write_dictionary_page,
)
from m3it_builder.shards.parquet.schema import (
    ColumnDescriptor,
    column_descriptors,
    schema_elements,
)
from m3it_builder.shards.row_groups import ends_group, fits, image_path, row_size
from m3it_builder.storage.output import Output
from m3it_builder.version import __version__

CREATED_BY = f"m3it_builder version {__version__}"


class ParquetWriter:
    """Writes one Parquet file.

    The range of a row is that of its images' plain values: each a 4-byte little-endian
    length and the bytes. Without images its length is 0, at the offset where values would
    start. Images as base64 text are compressed, and have no ranges.
    """

    def __init__(self, output: Output, encoding: ImageEncoding) -> None:
        self._output = output
        self._encoding = encoding
        self._columns = column_descriptors(encoding)
        self._images = _ImageColumn(output, self._columns[0])
        self.ranges = self._images.ranges
        self._texts: list[Mapping[str, str]] = []  # of the current row group, like the next two
        self._paths: list[list[bytes]] = []
        self._size = 0
        self._row_groups: list[RowGroup] = []
        output.write(MAGIC)

    def write(self, row: ShardRow) -> None:
        """Append one row."""
        size = row_size(row)
        if self._texts and not fits(self._size, size):
            self._end_row_group()
        if self._encoding == "base64":
            self._images.add([pybase64.b64encode(image.data) for image in row.images])
        else:
            self._images.add([image.data for image in row.images])
            paths = [image_path(row.key, n, image) for n, image in enumerate(row.images)]
            self._paths.append([path.encode() for path in paths])
        self._texts.append(row.texts)
        self._size += size
        if ends_group(row.key, self._size):
            self._end_row_group()

    def close(self) -> None:
        """Write the last row group and the footer."""
        if self._texts:
            self._end_row_group()
        metadata = FileMetaData(
            schema=schema_elements(self._encoding),
            num_columns=len(self._columns),
            key_value_metadata=_key_value_metadata(self._encoding),
            created_by=CREATED_BY,
        )
        write_footer(self._output, metadata, self._row_groups)

    def _end_row_group(self) -> None:
        chunks = [self._images.end_chunk(), *map(self._write_chunk, self._columns[1:])]
        self._row_groups.append(RowGroup(len(self._texts), tuple(chunks)))
        self._texts.clear()
        self._paths.clear()
        self._size = 0

    def _write_chunk(self, column: ColumnDescriptor) -> ColumnChunk:
        if column.is_repeated:
            return _write_list_chunk(self._output, column, self._paths)
        name = column.path_in_schema[0]
        texts = [texts[name] for texts in self._texts]
        if column.has_dictionary:
            return _write_dictionary_chunk(self._output, column, texts)
        return _write_plain_chunk(self._output, column, texts)


class _ImageColumn:
    """The image column; a page is written as soon as it is full.

    It is the first column of the schema, so its chunk can be in the file before the texts of
    the row group are complete, and memory holds a page of images instead of a row group.
    """

    def __init__(self, output: Output, column: ColumnDescriptor) -> None:
        self._output = output
        self._column = column
        self._counts: list[int] = []  # images of each row of the current page
        self._lengths: list[int] = []  # bytes of each row's values, in PLAIN encoding
        self._values: list[bytes] = []
        self._size = 0
        self._pages: list[DataPage] = []
        is_plain = column.codec is CompressionCodec.UNCOMPRESSED
        self.ranges = RowRanges() if is_plain else None

    def add(self, images: Sequence[bytes]) -> None:
        """Append the images of a row."""
        size = sum(map(len, images))
        self._counts.append(len(images))
        self._lengths.append(size + LENGTH_BYTES * len(images))
        self._values += images
        self._size += size
        if self._size >= PAGE_BYTES:
            self._end_page()

    def end_chunk(self) -> ColumnChunk:
        """Write the last page; return the chunk, and start the next one."""
        if self._counts:
            self._end_page()
        chunk = ColumnChunk(self._column, tuple(self._pages))
        self._pages.clear()
        return chunk

    def _end_page(self) -> None:
        levels = list_levels(tuple(self._counts), self._column.max_definition_level)
        values = plain_values(self._column, self._values)
        page = write_data_page(self._output, self._column, levels, values)
        if self.ranges is not None:
            # Only now: the header and the levels, of unknown size until here, come first.
            self.ranges.extend(page.extent.end - sum(self._lengths), self._lengths)
        self._pages.append(page)
        self._counts.clear()
        self._lengths.clear()
        self._values.clear()
        self._size = 0


def _write_dictionary_chunk(
    output: Output, column: ColumnDescriptor, texts: Sequence[str]
) -> ColumnChunk:
    entries, indexes = dictionary_values(texts)
    dictionary_page = write_dictionary_page(output, column, entries)
    page = write_data_page(output, column, flat_levels(len(texts)), indexes)
    return ColumnChunk(column, (page,), dictionary_page)


def _write_plain_chunk(
    output: Output, column: ColumnDescriptor, texts: Sequence[str]
) -> ColumnChunk:
    pages = []
    values = list(map(str.encode, texts))
    for start, stop in _page_bounds(list(map(len, values))):
        encoded = plain_values(column, values[start:stop])
        pages.append(write_data_page(output, column, flat_levels(stop - start), encoded))
    return ColumnChunk(column, tuple(pages))


def _write_list_chunk(
    output: Output, column: ColumnDescriptor, rows: Sequence[Sequence[bytes]]
) -> ColumnChunk:
    """Write a list of texts per row; no row is divided between pages."""
    pages = []
    for start, stop in _page_bounds([sum(map(len, values)) for values in rows]):
        counts = tuple(map(len, rows[start:stop]))
        levels = list_levels(counts, column.max_definition_level)
        values = plain_values(column, [value for row in rows[start:stop] for value in row])
        pages.append(write_data_page(output, column, levels, values))
    return ColumnChunk(column, tuple(pages))


def _page_bounds(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first row of each page and the row behind its last, given the sizes of rows."""
    start = page_size = 0
    for row, size in enumerate(sizes):
        page_size += size
        if page_size >= PAGE_BYTES:
            yield start, row + 1
            start, page_size = row + 1, 0
    if start < len(sizes):
        yield start, len(sizes)


def _key_value_metadata(encoding: ImageEncoding) -> dict[str, str]:
    schema = arrow_schema(table_features(encoding))
    pairs = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    # Arrow readers take their schema from this key, and `datasets` the features in its metadata.
    return {**pairs, "ARROW:schema": base64.b64encode(schema.serialize()).decode()}
