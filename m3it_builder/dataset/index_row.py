"""One row of the index: the one declaration of the row schema.

The Arrow schema of ``index.parquet`` is derived from it; shards carry the columns of
``shards.formats.TEXT_COLUMNS``, and images.
"""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from msgspec import Struct

from m3it_builder.records import Record, Region, Turn

if TYPE_CHECKING:
    import pyarrow as pa

Int64 = Annotated[int, "int64"]  # plain int is a 32-bit column


class StoredImage(Struct, frozen=True, array_like=True):
    """One published image, as the index describes it."""

    digest: str  # BLAKE3 of the bytes as stored
    source_digest: str  # of the source's bytes; differs where a box was drawn
    name: str  # in the source
    mime: str
    width: int  # pixels
    height: int
    bytes: Int64


class IndexRow(Struct, frozen=True, kw_only=True):
    """Every text column of a published row, its structure, and where it is stored."""

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
    webdataset_offset: Int64 | None = None  # null where the format was not built
    webdataset_length: Int64 | None = None
    parquet_offset: Int64 | None = None  # of its images' plain values; null for base64
    parquet_length: Int64 | None = None  # 0 without images
    jsonl_offset: Int64 | None = None
    jsonl_length: Int64 | None = None

    def record(self) -> Record:
        """Return turns, regions and context as the record the texts are rendered from."""
        return Record(id=self.id, turns=self.turns, regions=self.regions, context=self.context)


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
