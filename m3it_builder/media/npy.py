"""Single images of NumPy array files, read in place.

Format: NEP 1 (``.npy`` 1.0 to 3.0). Only the selected image is read, so a file of a
million images costs no more memory than one.
"""

from __future__ import annotations

import ast
import io
import operator
import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from math import prod

from PIL import Image

from m3it_builder.errors import SourceError
from m3it_builder.media.decoding import MAX_PIXELS
from m3it_builder.media.probe import BadImage
from m3it_builder.records import File, Location, Pixels
from m3it_builder.sources.members import data_offset, read_slice

_HEADER_BYTES = 4096
# Of a header, which is a Python literal: deep nesting ends in one of the last two.
_MALFORMED = (ValueError, SyntaxError, LookupError, TypeError, struct.error, RecursionError,
              MemoryError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Layout:
    start: int  # offset of the first image in the file
    count: int
    height: int
    width: int
    decompressed: bytes | None = None  # the whole file, where its archive member is compressed


def read_pixels(location: Location, selection: Pixels) -> bytes:
    """Return one image of an array as PNG.

    Raises:
        SourceError: the file is not an array of 8-bit RGB images, or is truncated.
        BadImage: ``image_missing``, the index is out of range; or ``image_oversized``.
    """
    layout = _layout(location)
    if not 0 <= selection.index < layout.count:
        raise BadImage("image_missing", f"index {selection.index} of {layout.count} images")
    if layout.width * layout.height * selection.scale**2 > MAX_PIXELS:
        raise BadImage("image_oversized", f"{layout.width}x{layout.height}")
    size = layout.width * layout.height * 3
    offset = layout.start + selection.index * size
    if layout.decompressed is not None:
        data = layout.decompressed[offset : offset + size]
    else:
        data = _read(location, offset, size)
    if len(data) != size:
        raise _truncated(location)
    image = Image.frombytes("RGB", (layout.width, layout.height), data, "raw", selection.order)
    if selection.scale > 1:
        scaled = layout.width * selection.scale, layout.height * selection.scale
        image = image.resize(scaled, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@lru_cache(maxsize=4)
def _layout(location: Location) -> _Layout:
    decompressed, start = None, 0
    if not isinstance(location, File):
        if location.method == "deflated":
            decompressed = read_slice(location)
        else:
            start = _member_start(location)
    if decompressed is not None:
        header = decompressed[:_HEADER_BYTES]
    else:
        header = _read(location, start, _HEADER_BYTES)
    length, shape = _parse_header(header, location.path)
    # Before any image is read: memory is allocated for what the header promises.
    if length + 3 * prod(shape) > location.length:
        raise _truncated(location)
    return _Layout(start + length, *shape, decompressed=decompressed)


def _truncated(location: Location) -> SourceError:
    return SourceError(f"{location.path}: the array is truncated; download it again")


def _parse_header(header: bytes, path: str) -> tuple[int, tuple[int, int, int]]:
    """Return the length of the header and (count, height, width)."""
    try:
        if header[:6] != b"\x93NUMPY":
            raise ValueError("not a NumPy file")
        is_version_1 = header[6] <= 1
        (size,) = struct.unpack_from("<H" if is_version_1 else "<I", header, 8)
        start = 10 if is_version_1 else 12
        fields = ast.literal_eval(header[start : start + size].decode("latin1").strip())
        count, height, width, channels = (operator.index(length) for length in fields["shape"])
        is_rgb = fields["descr"] == "|u1" and not fields["fortran_order"] and channels == 3
        if not is_rgb or min(count, height - 1, width - 1) < 0:
            raise ValueError(f"shape {fields['shape']} of {fields['descr']}"[:200])
    except _MALFORMED as error:
        raise SourceError(
            f"{path}: not an array of 8-bit images, (N, height, width, 3) of uint8 ({error}); "
            "download it again"
        ) from error
    return start + size, (count, height, width)


def _member_start(location: Location) -> int:
    assert not isinstance(location, File)  # noqa: S101 - only called for members
    descriptor = os.open(location.path, os.O_RDONLY)
    try:
        return data_offset(location, descriptor)
    finally:
        os.close(descriptor)


def _read(location: Location, offset: int, size: int) -> bytes:
    descriptor = os.open(location.path, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
