"""Rows collected into Arrow batches of bounded size, for files that pyarrow writes."""

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
    """Collects rows and calls ``flush`` with each batch that is full."""

    def __init__(self, encoding: str, flush: Callable[[pa.RecordBatch], None]) -> None:
        self.schema = arrow_schema(table_features(encoding))
        self._image_array = _IMAGE_ARRAYS[encoding]
        self._flush = flush
        self._rows: list[ShardRow] = []
        self._size = 0  # bytes

    def add(self, row: ShardRow) -> None:
        """Append one row."""
        size = row_size(row)
        if not fits(self._size, size):
            self.flush()
        self._rows.append(row)
        self._size += size
        if ends_group(row.key, self._size):
            self.flush()

    def flush(self) -> None:
        """Pass on the rows collected since the last batch, if any."""
        if not self._rows:
            return
        columns = [self._column(name) for name in self.schema.names]
        self._flush(pa.RecordBatch.from_arrays(columns, schema=self.schema))
        self._rows.clear()
        self._size = 0

    def _column(self, name: str) -> pa.Array:
        if name in TEXT_COLUMNS:
            return pa.array([row.texts[name] for row in self._rows], pa.string())
        return self._image_array(self._rows, self.schema.field(name).type)


def _struct_array(rows: Sequence[ShardRow], list_type: pa.ListType) -> pa.Array:
    paths = [
        image_path(row.key, position, image)
        for row in rows
        for position, image in enumerate(row.images)
    ]
    data = _binary_array(pa.binary(), [image.data for image in _images(rows)])
    images = pa.StructArray.from_arrays(
        [data, pa.array(paths, pa.string())], fields=list(list_type.value_type)
    )
    return _list_array(rows, images, list_type)


def _base64_array(rows: Sequence[ShardRow], list_type: pa.ListType) -> pa.Array:
    encoded = [pybase64.b64encode(image.data) for image in _images(rows)]
    return _list_array(rows, _binary_array(pa.string(), encoded), list_type)


def _id_array(rows: Sequence[ShardRow], list_type: pa.ListType) -> pa.Array:
    return pa.array([row.image_ids for row in rows], list_type)


_IMAGE_ARRAYS = {"bytes": _struct_array, "base64": _base64_array, "shared": _id_array}


def _images(rows: Iterable[ShardRow]) -> Iterable[EncodedImage]:
    return (image for row in rows for image in row.images)


def _list_array(rows: Sequence[ShardRow], values: pa.Array, list_type: pa.ListType) -> pa.Array:
    offsets = array("i", accumulate((len(row.images) for row in rows), initial=0))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=list_type)


def _binary_array(value_type: pa.DataType, values: Sequence[bytes]) -> pa.Array:
    # From buffers, so that values are copied just once; `pa.array` copies as its buffer grows.
    offsets = array("i", accumulate(map(len, values), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(value_type, len(values), buffers)
