"""Rows gathered into Arrow batches of bounded size, for Arrow files."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

import pyarrow as pa
import pybase64

from m3it_builder.shards.features import arrow_schema, table_features
from m3it_builder.shards.formats import TEXT_COLUMNS, EncodedImage, ShardRow
from m3it_builder.shards.row_groups import ends_group, fits, image_path, row_size


class Batcher:
    """Collects rows and hands over a batch whenever one is full."""

    def __init__(self, encoding: str, flush: Callable[[pa.RecordBatch], None]) -> None:
        self.schema = arrow_schema(table_features(encoding))
        self._column = _base64_column if encoding == "base64" else _image_column
        self._flush = flush
        self._rows: list[ShardRow] = []
        self._bytes = 0

    def add(self, row: ShardRow) -> None:
        """Append one row."""
        size = row_size(row)
        if not fits(self._bytes, size):
            self.flush()
        self._rows.append(row)
        self._bytes += size
        if ends_group(row.key, self._bytes):
            self.flush()

    def flush(self) -> None:
        """Hand over what is left."""
        if not self._rows:
            return
        columns = [self._values(name) for name in self.schema.names]
        self._flush(pa.RecordBatch.from_arrays(columns, schema=self.schema))
        self._rows.clear()
        self._bytes = 0

    def _values(self, name: str) -> pa.Array:
        if name in TEXT_COLUMNS:
            return pa.array([row.texts[name] for row in self._rows], pa.string())
        return self._column(self._rows, self.schema.field(name).type)


def _image_column(rows: Sequence[ShardRow], kind: pa.ListType) -> pa.Array:
    paths = [
        image_path(row.key, place, image) for row in rows for place, image in enumerate(row.images)
    ]
    data = _packed(pa.binary(), [image.data for image in _images(rows)])
    images = pa.StructArray.from_arrays(
        [data, pa.array(paths, pa.string())], fields=list(kind.value_type)
    )
    return _lists(rows, images, kind)


def _base64_column(rows: Sequence[ShardRow], kind: pa.ListType) -> pa.Array:
    encoded = [pybase64.b64encode(image.data) for image in _images(rows)]
    return _lists(rows, _packed(pa.string(), encoded), kind)


def _images(rows: Iterable[ShardRow]) -> Iterable[EncodedImage]:
    return (image for row in rows for image in row.images)


def _lists(rows: Sequence[ShardRow], values: pa.Array, kind: pa.ListType) -> pa.Array:
    offsets = array("i", accumulate((len(row.images) for row in rows), initial=0))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=kind)


def _packed(kind: pa.DataType, pieces: Sequence[bytes]) -> pa.Array:
    """Return an array of strings of bytes, copied just once."""
    offsets = array("i", accumulate(map(len, pieces), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(pieces))]
    return pa.Array.from_buffers(kind, len(pieces), buffers)
