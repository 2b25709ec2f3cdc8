"""JSON files that make folders of Arrow shards a dataset for ``load_from_disk``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from m3it_builder.shards.features import table_features, to_json


def write_state(folder: Path, split: str, shards: Iterable[tuple[str, str]], encoding: str) -> None:
    """Write the two files that make a folder of Arrow shards a dataset.

    Args:
        folder: of the split.
        split: its name.
        shards: (file name, digest) of each shard.
        encoding: of the images, ``bytes`` or ``base64``.
    """
    shards = list(shards)
    state: dict[str, Any] = {
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
    for name, value in (("state.json", state), ("dataset_info.json", info)):
        (folder / name).write_text(json.dumps(value, indent=2), encoding="utf-8")


def write_splits(folder: Path, splits: Iterable[str]) -> None:
    """Write the file that makes several split folders one ``DatasetDict``."""
    text = json.dumps({"splits": list(splits)})
    (folder / "dataset_dict.json").write_text(text, encoding="utf-8")
