"""One row of the index: the single declaration of its schema.

The Arrow schema of ``index.parquet`` is derived from ``IndexRow``; shards have a subset of
its text columns (``shards.formats.TEXT_COLUMNS``), and the images.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Struct, convert

from m3it_builder.records import JsonObject, Record, Region, Turn

if TYPE_CHECKING:
    import pyarrow as pa

Int64 = Annotated[int, "int64"]  # a plain int becomes a 32-bit column


class StoredImage(Struct, frozen=True, array_like=True):
    """One published image, as the index describes it."""

    digest: str  # BLAKE3 of the bytes as stored
    source_digest: str  # of the bytes in the source; differs if a region was drawn
    name: str  # in the source; frames and array images have "#<index>" appended
    mime: str
    width: int  # pixels
    height: int
    bytes: Int64


class IndexRow(Struct, frozen=True, kw_only=True):
    """The text columns, structure and location of one published row."""

    id: str
    task: str
    split: str
    lang: str  # BCP 47
    instruction: str
    inputs: str
    outputs: str
    context: str
    license: str
    image_license: str
    meta: str  # a JSON object, keys sorted
    turns: tuple[Turn, ...]
    regions: tuple[Region, ...]
    images: tuple[StoredImage, ...]
    shard: int
    row: int  # position in its shard
    key: str  # of its WebDataset members
    webdataset_offset: Int64 | None = None  # byte ranges are null if the format was not built
    webdataset_length: Int64 | None = None
    parquet_offset: Int64 | None = None  # of the plain values of its images; null for base64
    parquet_length: Int64 | None = None  # 0 without images
    jsonl_offset: Int64 | None = None
    jsonl_length: Int64 | None = None

    def record(self) -> Record:
        """Return the record from which its texts were rendered: turns, regions, context."""
        return Record(id=self.id, turns=self.turns, regions=self.regions, context=self.context)


def index_rows(rows: Iterable[JsonObject]) -> list[IndexRow]:
    """Convert rows of ``pyarrow.Table.to_pylist`` to typed ones.

    Raises:
        msgspec.ValidationError: a value is null, or of another type than its column.
    """
    return convert([{**row, **_as_arrays(row)} for row in rows], list[IndexRow])


def _as_arrays(row: JsonObject) -> dict[str, list[list[object]]]:
    """Return the struct columns of a row with lists of values, as array-like structs need."""
    nested = ("turns", "regions", "images")
    return {name: [list(item.values()) for item in row[name]] for name in nested}


def arrow_schema() -> pa.Schema:
    """Return the schema of ``index.parquet``."""
    import pyarrow as pa

    return pa.schema(list(_fields(IndexRow)))


def _fields(struct: type[Struct]) -> list[tuple[str, pa.DataType]]:
    hints = get_type_hints(struct, include_extras=True)
    return [(name, _arrow_type(hints[name])) for name in struct.__struct_fields__]


def _arrow_type(hint: Any) -> pa.DataType:
    import pyarrow as pa

    simple = {str: pa.string(), int: pa.int32(), Int64: pa.int64(), int | float: pa.float64()}
    if hint in simple:
        return simple[hint]
    if isinstance(hint, UnionType) or NoneType in get_args(hint):
        (inner,) = [part for part in get_args(hint) if part is not NoneType]
        return _arrow_type(inner)
    if get_origin(hint) is tuple:
        return pa.list_(_arrow_type(get_args(hint)[0]))
    return pa.struct(_fields(hint))
