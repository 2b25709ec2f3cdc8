"""The columns of a build, declared once and written in each syntax that loaders read.

A feature is a dtype name, a one-element list for a list of it, or a mapping
for a struct. ``datasets`` expects them as JSON inside Arrow and Parquet files and
as YAML in a README; without the latter its WebDataset reader infers columns from the
first five rows, and drops images of later rows that have more.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from m3it_builder.shards.formats import FORMATS, TEXT_COLUMNS, ImageEncoding

Feature = Any  # str | list[Feature] | dict[str, Feature]

_ARROW = {
    "string": pa.string(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
}


def format_features(name: str, encoding: ImageEncoding, max_images: int) -> dict[str, Feature]:
    """Return the columns that ``datasets`` makes of the shards of a format.

    Args:
        name: of the format.
        encoding: of images, as the build was asked for.
        max_images: the largest number of images in a row.
    """
    if name == "webdataset":
        return webdataset_features(encoding, max_images)
    return table_features(FORMATS[name].image_encoding(encoding))


def table_features(encoding: str) -> dict[str, Feature]:
    """Return the columns of Parquet, Arrow and JSONL rows."""
    # Images come first because Parquet column chunks are written in the order of the schema,
    # and images before the texts of their row group. Spark takes the offset of the first
    # column for that of the row group, and silently loses groups whose first column is not
    # the first in the file.
    return {**_IMAGE_COLUMNS[encoding], **dict.fromkeys(TEXT_COLUMNS, "string")}


def webdataset_features(encoding: str, max_images: int) -> dict[str, Feature]:
    """Return the columns that ``datasets`` makes of tar shards."""
    texts: dict[str, Feature] = dict.fromkeys(TEXT_COLUMNS, "string")
    if encoding != "bytes":
        return {"json": {**texts, **_IMAGE_COLUMNS[encoding]}, **_KEYS}
    members = {f"{n}.jpg": "image" for n in range(max_images)}
    return {"json": {**texts, "mimes": ["string"]}, **members, **_KEYS}


_IMAGE_COLUMNS: dict[str, dict[str, Feature]] = {
    "bytes": {"images": ["image"]},
    "base64": {"image_base64_str": ["string"]},
    "shared": {"image_ids": ["string"]},
}
_KEYS = {"__key__": "string", "__url__": "string"}


def arrow_schema(features: dict[str, Feature]) -> pa.Schema:
    """Return the Arrow schema, with the features in the metadata key that ``datasets`` reads."""
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
