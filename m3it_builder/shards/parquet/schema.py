"""The columns of a shard as Parquet names them: a tree of elements, and its leaves.

Every column may be null, as those that Arrow writes may be, though none ever is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from m3it_builder.shards.features import Feature, table_features
from m3it_builder.shards.parquet.thrift import STRUCT, Value, i32, struct, text

BYTE_ARRAY = 6
_REPEATED, _OPTIONAL = 2, 1
# In every group alike: not all readers take a dictionary in one and none in the next.
_REPEATS = ("task", "split", "lang", "instruction", "license", "image_license")
_NOTHING = STRUCT, struct({})
_STRING = {6: i32(0), 10: (STRUCT, struct({1: _NOTHING}))}  # UTF8, by the old name and the new
_LIST = {6: i32(3), 10: (STRUCT, struct({3: _NOTHING}))}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One column as it is stored."""

    path: tuple[str, ...]
    compressed: bool
    bounded: bool  # its least and greatest values are told: those of texts, not of images
    repeats: bool  # its values go through a dictionary
    nested: bool  # a row may have any number of values

    @property
    def depth(self) -> int:
        """Return the definition level of a value that is there."""
        return len(self.path)  # all steps down to it may be missing; one is repeated


@lru_cache
def leaves(encoding: str) -> tuple[Leaf, ...]:
    """Return the leaves of a shard, in the order of the schema."""
    found: list[Leaf] = []
    for name, feature in table_features(encoding).items():
        if feature == "string":
            found.append(_leaf((name,), bounded=True))
        elif feature == ["string"]:
            found.append(_leaf((name, "list", "element")))
        else:
            found.append(_leaf((name, "list", "element", "bytes"), compressed=False))
            found.append(_leaf((name, "list", "element", "path"), bounded=True))
    return tuple(found)


def _leaf(path: tuple[str, ...], compressed: bool = True, bounded: bool = False) -> Leaf:
    return Leaf(path, compressed, bounded, path[0] in _REPEATS, len(path) > 1)


def elements(encoding: str) -> list[bytes]:
    """Return the schema tree, flattened as a footer holds it: a struct an element."""
    features = table_features(encoding)
    made = [struct({3: i32(0), 4: text("schema"), 5: i32(len(features))})]
    for name, feature in features.items():
        made += _column(name, feature)
    return made


def _column(name: str, feature: Feature) -> list[bytes]:
    if feature == "string":
        return [_values(name, _STRING)]
    item = [_values("element", _STRING)]
    if feature == ["image"]:
        item = [_group("element", 2), _values("bytes", {}), _values("path", _STRING)]
    repeated = struct({3: i32(_REPEATED), 4: text("list"), 5: i32(1)})
    return [_group(name, 1, _LIST), repeated, *item]


def _values(name: str, meaning: dict[int, Value]) -> bytes:
    return struct({1: i32(BYTE_ARRAY), 3: i32(_OPTIONAL), 4: text(name), **meaning})


def _group(name: str, children: int, meaning: dict[int, Value] | None = None) -> bytes:
    return struct({3: i32(_OPTIONAL), 4: text(name), 5: i32(children), **(meaning or {})})
