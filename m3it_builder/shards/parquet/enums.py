"""The enums of ``parquet.thrift``, as far as our files use them."""

from __future__ import annotations

from enum import IntEnum


class Type(IntEnum):
    """Physical type of a column."""

    BYTE_ARRAY = 6


class ConvertedType(IntEnum):
    """Logical type of a schema element, in the deprecated form that old readers need."""

    UTF8 = 0
    LIST = 3


class FieldRepetitionType(IntEnum):
    """How many values a schema element has in its parent."""

    REQUIRED = 0
    OPTIONAL = 1
    REPEATED = 2


class Encoding(IntEnum):
    """Encoding of values or levels."""

    PLAIN = 0
    RLE = 3
    RLE_DICTIONARY = 8


class CompressionCodec(IntEnum):
    """Compression of the pages of a column chunk."""

    UNCOMPRESSED = 0
    SNAPPY = 1


class PageType(IntEnum):
    """Kind of a page."""

    DATA_PAGE = 0
    DICTIONARY_PAGE = 2


class BoundaryOrder(IntEnum):
    """Order of the min and max values in a column index."""

    UNORDERED = 0
    ASCENDING = 1
    DESCENDING = 2
