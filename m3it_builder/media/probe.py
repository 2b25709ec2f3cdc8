"""Image headers: codec, size and completeness from the first and last bytes.

An image is recognized by its content, never by its file name. Parsing headers here costs
a few microseconds where opening an image library costs some fifty, and it detects what
most often goes wrong: empty files, web pages saved as images, and truncated downloads.
Formats: ITU-T T.81 annex B (JPEG), PNG third edition 5 and 11.2.1, GIF89a, RFC 9649
(WebP), BITMAPINFOHEADER.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

_SEGMENT = struct.Struct(">BBH").unpack_from  # start of a JPEG segment: FF, marker, length
_JPEG_SIZE = struct.Struct(">HH").unpack_from  # height, width
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # these three are tables
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}  # frames of several scans; others may have several
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9), 0xFF}  # standalone markers and fill bytes
_MAX_SEGMENTS = 10_000  # before the first scan
# The next marker after a scan: in its data, FF is followed by 00 or a restart marker.
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")

MIN_SCAN_BYTES = 10  # of a JPEG: its header alone
# Scans times pixels. A decoder needs up to 0.65 ns for each, whatever the size of the file: ten
# seconds. The largest images allowed by default may have 83 scans; usual are 1 to 12.
MAX_SCANNED_PIXELS = 15_000_000_000


class BadImage(Exception):  # noqa: N818 - it carries a reason, and never leaves the packer
    """An unusable image; its row becomes a reject with this reason and detail."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Codec and size of an image."""

    mime: str
    width: int  # pixels as stored, before EXIF transposition
    height: int


def probe(data: bytes) -> ImageHeader:
    """Return the header of a complete image.

    Raises:
        BadImage: ``image_empty``, ``image_unknown``, ``image_damaged`` or
            ``image_truncated``.
    """
    if not data:
        raise BadImage("image_empty")
    for magic, parse in _PARSERS:
        if data.startswith(magic):
            try:
                header = parse(data)
            except (struct.error, IndexError) as error:
                raise BadImage("image_truncated", f"{len(data)} bytes") from error
            if header.width <= 0 or header.height <= 0:
                raise BadImage("image_damaged", f"{header.width}x{header.height}")
            return header
    raise BadImage("image_unknown", _guess_format(data))


def has_more_scans(data: bytes) -> bool:
    """Return True if a JPEG has more than one scan, or is malformed."""
    try:
        return _jpeg_frame(data)[3]
    except (BadImage, struct.error, IndexError):
        return True


def _jpeg(data: bytes) -> ImageHeader:
    width, height, offset, has_more = _jpeg_frame(data)
    # In entropy-coded data FF is always followed by 00 or a restart marker, so FF D9 after
    # the start of scan can only be the end of the image.
    _require_complete(data.rfind(b"\xff\xd9", offset) >= 0, data)
    if has_more:
        _require_few_scans(data, offset, (width, height))
    return ImageHeader("image/jpeg", width, height)


def _jpeg_frame(data: bytes) -> tuple[int, int, int, bool]:
    """Return width, height, the offset of the data of the first scan, and if more scans follow."""
    frame = None
    offset = 2
    for _ in range(_MAX_SEGMENTS):
        first, marker, length = _SEGMENT(data, offset)
        if first != 0xFF:
            raise BadImage("image_damaged", f"no JPEG marker at byte {offset}")
        if marker in _WITHOUT_LENGTH:
            offset += 1 if marker == 0xFF else 2
            continue
        if marker in _START_OF_FRAME:
            frame = offset
        offset += 2 + length
        if marker == 0xDA:
            break
    else:
        raise BadImage("image_damaged", f"no JPEG scan after {_MAX_SEGMENTS:,} markers")
    if frame is None:
        raise BadImage("image_damaged", "no JPEG frame header")
    height, width = _JPEG_SIZE(data, frame + 5)
    # A scan of all components is the only one, unless they are refined by further ones.
    in_scan, components = data[offset - length + 2], data[frame + 9]
    return width, height, offset, data[frame + 1] in _PROGRESSIVE or in_scan < components


def _require_few_scans(data: bytes, offset: int, size: tuple[int, int]) -> None:
    """Require that a JPEG of several scans does not take absurdly long to decode."""
    pixels = (size[0] + 7) // 8 * 8 * ((size[1] + 7) // 8 * 8)  # decoded, in blocks of 8x8
    limit = MAX_SCANNED_PIXELS // max(1, pixels)
    if len(data) // MIN_SCAN_BYTES <= limit:
        return  # most images: nothing is searched
    if data.count(b"\xff\xda\x00", offset) < limit:
        return
    scans = 1
    for _ in range(limit + _MAX_SEGMENTS):
        marker = _NEXT_MARKER.search(data, offset)
        if marker is None or marker[0] == b"\xff\xd9":  # not what follows, such as a preview
            return
        scans += marker[0] == b"\xff\xda"
        if scans > limit:
            break
        offset = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2])
    raise BadImage("image_oversized", f"more than {limit:,} scans of {size[0]}x{size[1]}")


def _png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    _require_complete(data.rfind(b"IEND\xaeB`\x82") >= 0, data)
    return ImageHeader("image/png", width, height)


def _gif(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from("<HH", data, 6)
    offset = 13 + _color_table_length(data[10])
    # Walk block by block to the trailer: pixel data may contain any byte, so no search works.
    while data[offset] != 0x3B:
        if data[offset] == 0x21:
            offset += 2
        elif data[offset] == 0x2C:
            offset += 11 + _color_table_length(data[offset + 9])
        else:
            raise BadImage("image_damaged", f"no GIF block at byte {offset}")
        while data[offset]:
            offset += data[offset] + 1
        offset += 1
    return ImageHeader("image/gif", width, height)


def _color_table_length(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> ImageHeader:
    (size,) = struct.unpack_from("<I", data, 4)
    if data[8:12] != b"WEBP":
        raise BadImage("image_unknown", "RIFF, but not WebP")
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    _require_complete(len(data) >= size + 8, data)
    return ImageHeader("image/webp", width, height)


def _bmp(data: bytes) -> ImageHeader:
    start, size = struct.unpack_from("<II", data, 10)
    if size == 12:  # BITMAPCOREHEADER of OS/2
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # negative for rows from top to bottom
    if compression in (0, 3, 6):  # uncompressed, with or without masks
        row_bytes = (width * depth + 31) // 32 * 4
        _require_complete(len(data) >= start + row_bytes * height, data)
    return ImageHeader("image/bmp", width, height)


def _require_complete(is_complete: bool, data: bytes) -> None:
    if not is_complete:
        raise BadImage("image_truncated", f"{len(data)} bytes")


def _guess_format(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page"
    if start.startswith((b"ii*\0", b"mm\0*")):
        return "a TIFF file"
    if data[4:12] in (b"ftypavif", b"ftypheic", b"ftypmif1"):
        return "an AVIF or HEIF file"
    return f"starts with {data[:8].hex()}"


_PARSERS: tuple[tuple[bytes, Callable[[bytes], ImageHeader]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
    (b"BM", _bmp),
)
