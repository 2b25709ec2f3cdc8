"""The JSON files that ``datasets.load_from_disk`` needs beside Arrow shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from m3it_builder.records import JsonObject
from m3it_builder.shards.features import table_features, to_json
from m3it_builder.shards.formats import ImageEncoding
from m3it_builder.storage.atomic import write_atomic

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def write_state(
    folder: Path, split: str, shards: Iterable[tuple[str, str]], encoding: ImageEncoding
) -> None:
    """Write the state and info files of one split, which make its folder a ``Dataset``.

    Args:
        folder: folder of the split's shards.
        split: name of the split.
        shards: (file name, digest) of each shard.
        encoding: image encoding of the shards.
    """
    shards = list(shards)
    state: JsonObject = {
        "_data_files": [{"filename": name} for name, _ in shards],
        "_fingerprint": hashlib.blake2b(repr(shards).encode(), digest_size=8).hexdigest(),
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }
    info = {
        "citation": "",
        "description": "",
        "features": to_json(table_features(encoding)),
        "homepage": "",
        "license": "",
    }
    _write(folder / STATE, state)
    _write(folder / INFO, info)


def write_splits(folder: Path, splits: Iterable[str]) -> None:
    """Write the file that makes the folders of several splits one ``DatasetDict``."""
    write_atomic(folder / SPLITS, json.dumps({"splits": list(splits)}).encode())


def _write(path: Path, value: JsonObject) -> None:
    write_atomic(path, json.dumps(value, indent=2).encode())
