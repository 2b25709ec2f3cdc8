"""Single pictures out of NumPy files of pictures, read where they lie.

Format: NEP 1 (``.npy`` 1.0 to 3.0). Only what is needed is read, so a file of a
million pictures costs no more memory than one.
"""

from __future__ import annotations

import ast
import io
import os
import struct
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from m3it_builder.errors import SourceError
from m3it_builder.media.probe import BadPicture
from m3it_builder.records import File, Pixels, Place
from m3it_builder.sources.archives import data_offset, read_slice

_HEADER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Layout:
    start: int  # of the first picture, in the file
    count: int
    height: int
    width: int
    whole: bytes | None = None  # the array itself, where it is packed and cannot be reached into


def read_cell(place: Place, part: Pixels) -> bytes:
    """Return one picture of an array as PNG.

    Raises:
        SourceError: the file is no array of 8-bit RGB pictures.
        BadPicture: ``image_missing``, the array has no such index.
    """
    layout = _layout(place)
    if not 0 <= part.index < layout.count:
        raise BadPicture("image_missing", f"index {part.index} of {layout.count} pictures")
    size = layout.width * layout.height * 3
    at = layout.start + part.index * size
    data = layout.whole[at : at + size] if layout.whole is not None else _read(place, at, size)
    if len(data) != size:
        raise SourceError(f"{place.path}: the array is cut short; download it again")
    picture = Image.frombytes("RGB", (layout.width, layout.height), data, "raw", part.order)
    if part.scale > 1:
        wider = layout.width * part.scale, layout.height * part.scale
        picture = picture.resize(wider, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


@lru_cache(maxsize=4)
def _layout(place: Place) -> _Layout:
    whole, start = None, 0
    if not isinstance(place, File):
        if place.method == "deflated":
            whole = read_slice(place)
        else:
            start = _member_start(place)
    header = whole[:_HEADER_BYTES] if whole is not None else _read(place, start, _HEADER_BYTES)
    length, shape = _parse(header, place.path)
    return _Layout(start + length, *shape, whole=whole)


def _parse(header: bytes, path: str) -> tuple[int, tuple[int, int, int]]:
    """Return the length of the header and (count, height, width)."""
    try:
        if header[:6] != b"\x93NUMPY":
            raise ValueError("no NumPy file")
        wide = header[6] > 1
        (size,) = struct.unpack_from("<I" if wide else "<H", header, 8)
        start = 12 if wide else 10
        facts = ast.literal_eval(header[start : start + size].decode("latin1").strip())
        count, height, width, channels = facts["shape"]
        if facts["descr"] != "|u1" or facts["fortran_order"] or channels != 3:
            raise ValueError(f"shape {facts['shape']} of {facts['descr']}")
    except (ValueError, SyntaxError, KeyError, IndexError, struct.error) as error:
        raise SourceError(
            f"{path}: not an array of 8-bit pictures, (N, height, width, 3) of uint8 ({error}); "
            "download it again"
        ) from error
    return start + size, (count, height, width)


def _member_start(place: Place) -> int:
    assert not isinstance(place, File)  # noqa: S101 - only called for members
    if place.method == "tar":
        return place.offset
    descriptor = os.open(place.path, os.O_RDONLY)
    try:
        return data_offset(place, descriptor)
    finally:
        os.close(descriptor)


def _read(place: Place, at: int, size: int) -> bytes:
    descriptor = os.open(place.path, os.O_RDONLY)
    try:
        return os.pread(descriptor, size, at)
    finally:
        os.close(descriptor)
