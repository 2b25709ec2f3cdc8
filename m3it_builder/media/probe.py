"""What the first and last bytes of an image say: codec, size, completeness.

An image is known by its content, never by its file name. Reading headers
ourselves costs a few microseconds where opening an image library costs some
fifty, and it finds what most often goes wrong: empty files, web pages saved as
images, and downloads cut short. Formats: ITU-T T.81 annex B (JPEG), PNG
third edition 5 and 11.2.1, GIF89a, RFC 9649 (WebP), BITMAPINFOHEADER.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

_SEGMENT = struct.Struct(">BBH").unpack_from  # what begins a JPEG segment: FF, marker, length
_WORDS = struct.Struct(">HH").unpack_from
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # these three are tables, not frames
_ALONE = {0x01, *range(0xD0, 0xD9), 0xFF}  # markers without a length, and fill bytes


class BadImage(Exception):  # noqa: N818 - it carries a reason, and never leaves the packer
    """An image that cannot be used; becomes a reject of its row."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Probe:
    """What the header says."""

    mime: str
    width: int  # pixels as stored, before any EXIF rotation
    height: int


def probe(data: bytes) -> Probe:
    """Return codec and size of a whole image.

    Raises:
        BadImage: ``image_empty``, ``image_unknown``, ``image_damaged`` or
            ``image_truncated``.
    """
    if not data:
        raise BadImage("image_empty")
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                found = read(data)
            except (struct.error, IndexError) as error:
                raise BadImage("image_truncated", f"{len(data)} bytes") from error
            if found.width <= 0 or found.height <= 0:
                raise BadImage("image_damaged", f"{found.width}x{found.height}")
            return found
    raise BadImage("image_unknown", _looks_like(data))


def _jpeg(data: bytes) -> Probe:
    size = None
    at = 2
    while True:
        first, marker, length = _SEGMENT(data, at)
        if first != 0xFF:
            raise BadImage("image_damaged", f"no JPEG marker at byte {at}")
        if marker in _ALONE:  # fill byte, or a marker without a length
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            size = _WORDS(data, at + 5)
        at += 2 + length
        if marker == 0xDA:
            break
    if size is None:
        raise BadImage("image_damaged", "no JPEG frame header")
    # After the scan starts, FF D9 stands for nothing but the end of the image.
    _require_end(data.rfind(b"\xff\xd9", at) >= 0, data)
    return Probe("image/jpeg", size[1], size[0])


def _png(data: bytes) -> Probe:
    width, height = struct.unpack_from(">II", data, 16)
    _require_end(data.rfind(b"IEND\xaeB`\x82") >= 0, data)
    return Probe("image/png", width, height)


def _gif(data: bytes) -> Probe:
    width, height = struct.unpack_from("<HH", data, 6)
    at = 13 + _gif_colors(data[10])
    while data[at] != 0x3B:  # the trailer; no search finds it, since pixels may hold any byte
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C:
            at += 11 + _gif_colors(data[at + 9])
        else:
            raise BadImage("image_damaged", f"no GIF block at byte {at}")
        while data[at]:
            at += data[at] + 1
        at += 1
    return Probe("image/gif", width, height)


def _gif_colors(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _webp(data: bytes) -> Probe:
    (size,) = struct.unpack_from("<I", data, 4)
    if data[8:12] != b"WEBP":
        raise BadImage("image_unknown", "RIFF, but not WebP")
    kind = data[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    _require_end(len(data) >= size + 8, data)
    return Probe("image/webp", width, height)


def _bmp(data: bytes) -> Probe:
    start, size = struct.unpack_from("<II", data, 10)
    if size == 12:  # the header of OS/2
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # a negative height means rows from top to bottom
    if compression in (0, 3, 6):  # plain pixels, with or without masks
        row = (width * depth + 31) // 32 * 4
        _require_end(len(data) >= start + row * height, data)
    return Probe("image/bmp", width, height)


def _require_end(whole: bool, data: bytes) -> None:
    if not whole:
        raise BadImage("image_truncated", f"{len(data)} bytes")


def _looks_like(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "a web page"
    if start.startswith((b"ii*\0", b"mm\0*")):
        return "a TIFF file"
    if data[4:12] in (b"ftypavif", b"ftypheic", b"ftypmif1"):
        return "an AVIF or HEIF file"
    return f"starts with {data[:8].hex()}"


_READERS: tuple[tuple[bytes, Callable[[bytes], Probe]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"RIFF", _webp),
    (b"BM", _bmp),
)
