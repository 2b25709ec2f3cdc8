"""The columns of a build, stated once and written in each dialect that loaders read.

A feature is a dtype name, a one-element list for a list of it, or a mapping
for a struct. ``datasets`` wants them as JSON inside Arrow and Parquet files and
as YAML in a README; without the latter its WebDataset reader loses images of
rows that have more of them than the first five.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from m3it_builder.shards.formats import TEXT_COLUMNS

Feature = Any  # str | list[Feature] | dict[str, Feature]

_ARROW = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
}


def table_features(encoding: str) -> dict[str, Feature]:
    """Return the columns of Parquet, Arrow and JSONL rows.

    Images stand first, because a Parquet file is written in that order: Spark takes
    the place of the first column for that of its row group, and loses groups silently
    where another lies before it.
    """
    image_column = (
        {"images": ["image"]} if encoding == "bytes" else {"image_base64_str": ["string"]}
    )
    return {**image_column, **dict.fromkeys(TEXT_COLUMNS, "string")}


def webdataset_features(encoding: str, most: int) -> dict[str, Feature]:
    """Return the columns ``datasets`` makes of our tar files, for up to ``most`` images."""
    texts: dict[str, Feature] = dict.fromkeys(TEXT_COLUMNS, "string")
    if encoding == "base64":
        return {"json": {**texts, "image_base64_str": ["string"]}, **_KEYS}
    members = {f"{n}.jpg": "image" for n in range(most)}
    return {"json": {**texts, "mimes": ["string"]}, **members, **_KEYS}


_KEYS = {"__key__": "string", "__url__": "string"}


def arrow_schema(features: dict[str, Feature]) -> pa.Schema:
    """Return the Arrow schema, with the features as ``datasets`` looks for them."""
    fields = [pa.field(name, _arrow(feature)) for name, feature in features.items()]
    info = {"info": {"features": to_json(features)}}
    return pa.schema(fields, metadata={"huggingface": json.dumps(info)})


def to_json(features: dict[str, Feature]) -> dict[str, Any]:
    """Return features as ``datasets`` writes them in JSON."""
    return {name: _json(feature) for name, feature in features.items()}


def to_yaml(features: dict[str, Feature]) -> list[dict[str, Any]]:
    """Return features as ``datasets`` writes them in a README header."""
    return [{"name": name, **_yaml(feature)} for name, feature in features.items()]


def _arrow(feature: Feature) -> pa.DataType:
    if isinstance(feature, list):
        return pa.list_(_arrow(feature[0]))
    if isinstance(feature, dict):
        return pa.struct([(name, _arrow(inner)) for name, inner in feature.items()])
    return _ARROW[feature]


def _json(feature: Feature) -> Any:
    if isinstance(feature, list):
        return {"feature": _json(feature[0]), "_type": "List"}
    if isinstance(feature, dict):
        return to_json(feature)
    return {"_type": "Image"} if feature == "image" else {"dtype": feature, "_type": "Value"}


def _yaml(feature: Feature) -> dict[str, Any]:
    if isinstance(feature, list):
        inner = feature[0]
        return {"list": inner if isinstance(inner, str) else to_yaml(inner)}
    if isinstance(feature, dict):
        return {"struct": to_yaml(feature)}
    return {"dtype": feature}
