"""Single images of ``.npy`` files, read by another code than the one that builds use.

Shared with the build is Pillow, which encodes them.
"""

from __future__ import annotations

import ast
import io
import struct
from collections.abc import Iterator
from typing import IO

from PIL import Image

MALFORMED = (ValueError, SyntaxError, LookupError, TypeError, struct.error, EOFError,
             RecursionError, MemoryError)  # fmt: skip
_MAX_HEADER = 65_536  # bytes
_MAX_SIDE = 16_384  # pixels, enlarged


def cell_images(file: IO[bytes], index: int, width: int) -> Iterator[bytes]:
    """Yield one image of an array as PNG, in both orders of channels.

    The index of a build states neither the order nor the enlargement, which follows from
    the widths.

    Args:
        file: an array of shape (N, height, width, 3), uint8, C order.
        index: of the image.
        width: of the published image, in pixels.

    Raises:
        MALFORMED: the file is not such an array, or has no such image.
    """
    height, own_width = _seek(file, index)
    size = height * own_width * 3
    data = file.read(size)
    if len(data) != size:
        raise EOFError("the array is truncated")
    scale = max(1, width // own_width)
    if max(height, own_width) * scale > _MAX_SIDE:
        raise ValueError("the image is too large")
    for order in ("RGB", "BGR"):
        image = Image.frombytes("RGB", (own_width, height), data, "raw", order)
        if scale > 1:
            image = image.resize((own_width * scale, height * scale), Image.Resampling.NEAREST)
        png = io.BytesIO()
        image.save(png, "PNG", compress_level=1)
        yield png.getvalue()


def _seek(file: IO[bytes], index: int) -> tuple[int, int]:
    """Go to the first byte of one image; return its height and width."""
    file.seek(0)
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY":
        raise ValueError("not a NumPy file")
    layout = "<H" if magic[6] == 1 else "<I"
    (length,) = struct.unpack(layout, file.read(struct.calcsize(layout)))
    if length > _MAX_HEADER:
        raise ValueError("its header is too long")
    header = ast.literal_eval(file.read(length).decode("latin-1").strip())
    count, height, width, channels = header["shape"]
    if header["descr"] != "|u1" or header["fortran_order"] or channels != 3:
        raise ValueError("not an array of 8-bit RGB images")
    if not 0 <= index < count or min(height, width) < 1 or max(height, width) > _MAX_SIDE:
        raise LookupError(f"no image {index} of {count}")
    file.seek(file.tell() + index * height * width * 3)
    return height, width
