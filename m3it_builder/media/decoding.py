"""Decoding of images within bounds: of formats, pixels, metadata and processor time.

A file of some hundred kilobytes can be made to decode for hours: a progressive JPEG with
thousands of scans, for instance. Signals do not interrupt a decoder, which is C code, but
every decoder except that of WebP asks for the file block by block. So the time is checked
where it reads. The decoder of WebP does a bounded amount of work for each pixel.

Memory is bounded by the number of pixels: Pillow needs up to 24 bytes for each one while an
image is decoded and converted to RGB, plus the file itself and up to 100 MB of metadata.
"""

from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time

from PIL import Image as PILImage
from PIL import ImageFile, UnidentifiedImageError

from m3it_builder.media.codecs import PILLOW_FORMATS
from m3it_builder.media.probe import MAX_SCANNED_PIXELS, MIN_SCAN_BYTES, BadImage, has_more_scans

# WebP last: Pillow imports all its plugins when it is asked for one that it does not know yet.
MAX_PIXELS = 2 * 178_956_970  # where no plan has a limit; more is Pillow's DecompressionBombError
DECODE_SECONDS = 10.0  # of processor time
DECODE_SECONDS_PER_PIXEL = 1e-7  # in addition; some ten times what an ordinary image takes

_MAX_HEADER_READS = 100_000  # before the pixels; junk is skipped byte by byte
_READS_PER_CHECK = 64  # of fewer bytes than a block
_BLOCK = 512  # bytes
_MAX_BLOCK = 65_536  # bytes; the default of Pillow
_SCANNED_PIXELS_PER_CHECK = MAX_SCANNED_PIXELS // 4  # of a JPEG, some seconds
_MAX_EXIF = 65_533  # bytes; one segment of a JPEG
_TINY = 4  # bytes; most reads of a header
_EXIF = b"Exif\0\0"
_RAW_EXIF = "Raw profile type exif"  # text of a PNG, hexadecimal
_ORIENTATION_TAG = 0x0112
_MAX_RLE_WIDTH = 65_535  # pixels; Pillow fills a row pixel by pixel, without reading
_read = io.BytesIO.read
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError, TypeError,
               struct.error, zlib.error)  # fmt: skip


@contextmanager
def opened(data: bytes, max_pixels: int = MAX_PIXELS) -> Iterator[ImageFile.ImageFile]:
    """Open an encoded image, to be decoded by its ``load`` inside the block.

    Args:
        data: the encoded image.
        max_pixels: of the decoded image, whatever the header says.

    Raises:
        BadImage: also while decoding: ``image_undecodable``, ``image_oversized``, or
            ``image_timeout`` where it takes more than ``DECODE_SECONDS`` and
            ``DECODE_SECONDS_PER_PIXEL``.
    """
    reader = _BoundedReader(data)
    before = PILImage.MAX_IMAGE_PIXELS
    PILImage.MAX_IMAGE_PIXELS = -(-max_pixels // 2)  # above, it warns; above twice that, it raises
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of Pillow, about metadata
            PILImage.open(reader, formats=PILLOW_FORMATS) as image,
        ):
            _require_size(image, max_pixels)
            if image.format in ("JPEG", "MPO"):
                image.decodermaxblock = _jpeg_block(data, image.width * image.height)
            reader.start_pixels(image.width * image.height)
            yield image
    except UnidentifiedImageError as error:  # its message has an address in memory
        raise BadImage("image_undecodable", "cannot be identified as an image") from error
    except PILImage.DecompressionBombError as error:
        raise BadImage("image_oversized", f"more than {max_pixels:,} pixels") from error
    except _UNREADABLE as error:
        raise BadImage("image_undecodable", str(error)[:200] or type(error).__name__) from error
    finally:
        PILImage.MAX_IMAGE_PIXELS = before


def exif_orientation(image: PILImage.Image) -> int:
    """Return the EXIF orientation, from 1 to 8; 1 if there is none, or another value."""
    exif = image.info.get("exif")
    if isinstance(exif, bytes) and len(exif) > _MAX_EXIF:
        # Pillow before 12 copies the data of each tag, and tags may overlap. The orientation
        # is one of the first tags.
        image.info["exif"] = exif[:_MAX_EXIF]
    if len(image.info.get(_RAW_EXIF, "")) > 3 * _MAX_EXIF:
        del image.info[_RAW_EXIF]
    tag = image.getexif().get(_ORIENTATION_TAG, 1)
    return tag if tag in range(1, 9) else 1


class _BoundedReader(io.BytesIO):
    """The file of an image; reading raises ``BadImage`` if decoding has taken too long."""

    __slots__ = ("_exif_bytes", "_max_reads", "_reads", "_seconds", "_start", "_unchecked")

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._start: float | None = None
        self._seconds = DECODE_SECONDS
        self._max_reads = _MAX_HEADER_READS
        self._reads = 0
        self._unchecked = _READS_PER_CHECK  # reads left before the next check
        self._exif_bytes = 0

    def start_pixels(self, pixels: int) -> None:
        """End the limit on reads, and extend that on time."""
        self._max_reads = sys.maxsize
        self._seconds += pixels * DECODE_SECONDS_PER_PIXEL

    def read(self, size: int = -1, /) -> bytes:  # type: ignore[override] # Pillow passes no None
        # Headers are read in tens of tiny pieces: this is the loop to keep short.
        self._unchecked -= 1
        if not (0 <= size < _BLOCK and self._unchecked):
            self._check()
        data = _read(self, size)
        if len(data) > _TINY and data.startswith(_EXIF):
            # Pillow joins the EXIF segments of a JPEG, in quadratic time. There should be one.
            self._exif_bytes += len(data)
            if self._exif_bytes > _MAX_EXIF:
                return bytes(len(data))
        return data

    def _check(self) -> None:
        self._reads += _READS_PER_CHECK - self._unchecked
        self._unchecked = _READS_PER_CHECK
        if self._reads > self._max_reads:
            raise BadImage("image_undecodable", f"no pixels after {self._max_reads:,} reads")
        now = thread_time()
        self._start = now if self._start is None else self._start
        if now - self._start > self._seconds:
            detail = f"more than {self._seconds:.1f} s of processor time"
            raise BadImage("image_timeout", detail)


def _require_size(image: ImageFile.ImageFile, max_pixels: int) -> None:
    is_run_length_encoded = bool(image.tile) and image.tile[0][0] == "bmp_rle"
    if image.width * image.height > max_pixels:
        raise BadImage("image_oversized", f"{image.width}x{image.height}")
    if is_run_length_encoded and image.width > _MAX_RLE_WIDTH:
        raise BadImage("image_oversized", f"run-length encoded rows of {image.width:,} pixels")


def _jpeg_block(data: bytes, pixels: int) -> int:
    """Return how many bytes of a JPEG its decoder may get at once: they hold few scans."""
    block = _SCANNED_PIXELS_PER_CHECK // pixels * MIN_SCAN_BYTES
    if block >= _MAX_BLOCK or not has_more_scans(data):
        return _MAX_BLOCK
    return max(block, _BLOCK)
