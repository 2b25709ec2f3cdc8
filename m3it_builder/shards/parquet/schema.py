"""The columns of a shard as Parquet describes them: schema elements and column descriptors.

Every column is optional, as in the files that Arrow writes, though no value is ever null.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from m3it_builder.shards.features import Feature, table_features
from m3it_builder.shards.parquet.enums import (
    CompressionCodec,
    ConvertedType,
    FieldRepetitionType,
    Type,
)
from m3it_builder.shards.parquet.thrift import STRUCT, Value, i32, string, struct

# A fixed set, the same in every row group: fastparquet reads nulls, silently, where a column
# has a dictionary in one row group and none in the next.
_DICTIONARY_COLUMNS = ("task", "split", "lang", "instruction", "license", "image_license")
_EMPTY_STRUCT = STRUCT, struct({})
# Both annotations of a logical type: converted_type (6) for old readers, logicalType (10).
_STRING = {6: i32(ConvertedType.UTF8), 10: (STRUCT, struct({1: _EMPTY_STRUCT}))}
_LIST = {6: i32(ConvertedType.LIST), 10: (STRUCT, struct({3: _EMPTY_STRUCT}))}


@dataclass(frozen=True, slots=True)
class ColumnDescriptor:
    """A leaf column, and how its chunks are written."""

    path_in_schema: tuple[str, ...]
    codec: CompressionCodec
    has_statistics: bool
    has_dictionary: bool

    @property
    def is_repeated(self) -> bool:
        """Return True if a row has a list of values."""
        return len(self.path_in_schema) > 1

    @property
    def max_definition_level(self) -> int:
        """Return the definition level of a value that is present."""
        # Each element of the path adds one: all of them are optional or repeated.
        return len(self.path_in_schema)


@lru_cache
def column_descriptors(encoding: str) -> tuple[ColumnDescriptor, ...]:
    """Return the leaf columns of a shard, in the order of the schema."""
    columns: list[ColumnDescriptor] = []
    for name, feature in table_features(encoding).items():
        if feature == "string":
            columns.append(_descriptor((name,), has_statistics=True))
        elif feature == ["string"]:
            columns.append(_descriptor((name, "list", "element")))
        else:
            path = name, "list", "element"
            columns.append(_descriptor((*path, "bytes"), codec=CompressionCodec.UNCOMPRESSED))
            columns.append(_descriptor((*path, "path"), has_statistics=True))
    return tuple(columns)


def _descriptor(
    path: tuple[str, ...],
    codec: CompressionCodec = CompressionCodec.SNAPPY,
    has_statistics: bool = False,
) -> ColumnDescriptor:
    return ColumnDescriptor(path, codec, has_statistics, path[0] in _DICTIONARY_COLUMNS)


def schema_elements(encoding: str) -> list[bytes]:
    """Return the schema tree in depth-first order, each ``SchemaElement`` encoded."""
    features = table_features(encoding)
    required = i32(FieldRepetitionType.REQUIRED)
    elements = [struct({3: required, 4: string("schema"), 5: i32(len(features))})]
    for name, feature in features.items():
        elements += _column_elements(name, feature)
    return elements


def _column_elements(name: str, feature: Feature) -> list[bytes]:
    if feature == "string":
        return [_leaf(name, _STRING)]
    item = [_leaf("element", _STRING)]
    if feature == ["image"]:
        item = [_group("element", 2), _leaf("bytes", {}), _leaf("path", _STRING)]
    repeated = struct({3: i32(FieldRepetitionType.REPEATED), 4: string("list"), 5: i32(1)})
    return [_group(name, 1, _LIST), repeated, *item]


def _leaf(name: str, logical_type: dict[int, Value]) -> bytes:
    optional = i32(FieldRepetitionType.OPTIONAL)
    return struct({1: i32(Type.BYTE_ARRAY), 3: optional, 4: string(name), **logical_type})


def _group(name: str, num_children: int, logical_type: dict[int, Value] | None = None) -> bytes:
    optional = i32(FieldRepetitionType.OPTIONAL)
    return struct({3: optional, 4: string(name), 5: i32(num_children), **(logical_type or {})})
