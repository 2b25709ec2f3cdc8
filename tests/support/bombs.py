"""Small files that cost much to open: images, arrays and videos made for the purpose."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction

from PIL import Image

END = b"\xff\xd9"


def jpeg(size: tuple[int, int] = (64, 48), *, progressive: bool = False) -> bytes:
    """Return a gray JPEG."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "gray").save(buffer, "JPEG", progressive=progressive)
    return buffer.getvalue()


def last_scan(data: bytes) -> bytes:
    """Return the last scan of a JPEG, with its header."""
    return data[data.rindex(b"\xff\xda") : -len(END)]


def scan_bomb(size: tuple[int, int], scans: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated; each one visits all pixels."""
    data = jpeg(size, progressive=True)
    return data[: -len(END)] + last_scan(data) * scans + END


def empty_scan_bomb(size: tuple[int, int], scans: int) -> bytes:
    """Return a sequential JPEG with scans of one component each, of ten bytes, without data."""
    data = jpeg(size)
    header = data[: data.rindex(b"\xff\xda")]
    components = ((1, 0x00), (2, 0x11), (3, 0x11))
    three = b"".join(b"\xff\xda\0\x08\x01" + bytes((*each, 0, 63, 0)) for each in components)
    return header + three * (scans // 3) + END


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def exif(orientation: int, filler: int = 0) -> bytes:
    """Return an EXIF block with one tag."""
    entry = struct.pack("<HHLHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4 + filler)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(extra: bytes = b"") -> bytes:
    """Return a PNG of 8x8 pixels with further chunks before its pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + png_chunk(b"IEND", b"")


def gif_with_larger_frame(canvas: tuple[int, int], frame: tuple[int, int]) -> bytes:
    """Return a GIF whose header states a smaller size than its frame has."""
    buffer = io.BytesIO()
    Image.new("P", frame).save(buffer, "GIF")
    data = bytearray(buffer.getvalue())
    data[6:10] = struct.pack("<HH", *canvas)
    return bytes(data)


def run_length_bmp(width: int, height: int) -> bytes:
    """Return a BMP with run-length encoded rows that end after one pixel."""
    rows = b"\x01\0\0\0" * height + b"\0\x01"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    offset = 14 + len(header) + 1024
    return (
        b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + bytes(1024) + rows
    )


def clip_of_other_size(stated: tuple[int, int], actual: tuple[int, int], container: str) -> bytes:
    """Return a clip of JPEG frames that are larger than its container states."""
    return _clip(stated, [jpeg(actual)] * 4, container)


def growing_clip(first: tuple[int, int], later: tuple[int, int]) -> bytes:
    """Return a clip whose later frames are larger than its first."""
    return _clip(first, [jpeg(first), *[jpeg(later)] * 3], "matroska")


def _clip(stated: tuple[int, int], frames: list[bytes], container: str) -> bytes:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream = out.add_stream("mjpeg", rate=8)
        stream.width, stream.height, stream.pix_fmt = *stated, "yuvj420p"
        for number, frame in enumerate(frames):
            packet = av.Packet(frame)
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base, packet.is_keyframe = Fraction(1, 8), True
            out.mux(packet)
    return buffer.getvalue()
