"""Arrow IPC shards that ``datasets.load_from_disk`` opens memory-mapped.

``load_from_disk`` wants a folder a split with ``state.json`` and
``dataset_info.json``, and ``dataset_dict.json`` above them; the shards
themselves are plain Arrow streams.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from m3it_builder.shards import OutRow
from m3it_builder.shards.batches import Batcher
from m3it_builder.shards.features import table_features, to_json
from m3it_builder.storage.output import Output


class ArrowWriter:
    """Writes one Arrow stream."""

    def __init__(self, output: Output, images: Literal["bytes", "base64"]) -> None:
        self._batcher = Batcher(images, self._write)
        self._writer = pa.ipc.new_stream(output, self._batcher.schema)

    def write(self, row: OutRow) -> tuple[int, int]:
        """Append one row; a row of a stream has no place of its own."""
        self._batcher.add(row)
        return 0, 0

    def close(self) -> None:
        """Write what is left, and the end of the stream."""
        self._batcher.flush()
        self._writer.close()

    def _write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)


def write_state(folder: Path, split: str, shards: Iterable[tuple[str, str]], images: str) -> None:
    """Write the two files that make a folder of Arrow shards a dataset.

    Args:
        folder: of the split.
        split: its name.
        shards: (file name, digest) of each shard.
        images: ``bytes`` or ``base64``.
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
        "features": to_json(table_features(images)),
        "homepage": "",
        "license": "",
    }
    for name, value in (("state.json", state), ("dataset_info.json", info)):
        (folder / name).write_text(json.dumps(value, indent=2), encoding="utf-8")


def write_splits(folder: Path, splits: Iterable[str]) -> None:
    """Write the file that makes several split folders one ``DatasetDict``."""
    text = json.dumps({"splits": list(splits)})
    (folder / "dataset_dict.json").write_text(text, encoding="utf-8")
