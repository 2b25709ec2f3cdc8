"""Clips whose frames say which they are: each carries its number as a bar code."""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction

import av
from PIL import Image, ImageDraw

from m3it_builder.samples.clips import encode_clip

BITS = 10
BAR = 16
SIZE = (BITS * BAR, 96)


def numbered(number: int) -> Image.Image:
    """Return a frame that carries a number below 1024."""
    image = Image.new("RGB", SIZE, (0, 0, 0))
    pen = ImageDraw.Draw(image)
    for bit in range(BITS):
        if number >> bit & 1:
            pen.rectangle((bit * BAR, 0, (bit + 1) * BAR - 1, SIZE[1] - 1), fill=(255, 255, 255))
    return image


def number_of(image: Image.Image) -> int:
    """Read the number of a frame; damage shows as a bar that is neither black nor white."""
    assert image.size == SIZE
    grey = image.convert("L")
    number = 0
    for bit in range(BITS):
        level = grey.getpixel(((bit * BAR) + BAR // 2, SIZE[1] // 2))
        assert isinstance(level, int)
        assert level < 70 or level > 185, f"bar {bit} is grey: {level}"
        number |= (level > 127) << bit
    return number


def clip(
    total: int, container: str, codec: str, stamps: Iterable[int] | None = None, **options: str
) -> bytes:
    """Return a clip of numbered frames."""
    return encode_clip(map(numbered, range(total)), container, codec, options, stamps)


def remuxed(data: bytes, container: str = "mp4", first: int = 0, rotation: int = 0) -> bytes:
    """Copy the packets of a clip, from a packet on, with a rotation flag; nothing is encoded.

    Copying from the middle is what people call a cut by stream copy: the packets
    before the cut that later frames need are kept and marked not to be shown.
    """
    buffer = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(buffer, "w", format=container) as out:
        given = source.streams.video[0]
        stream = out.add_stream_from_template(given)
        if rotation:
            stream.set_display_rotation(rotation)
        packets = [packet for packet in source.demux(given) if packet.size]
        start = sorted(packet.pts for packet in packets)[first]
        for packet in packets:
            packet.pts -= start
            packet.dts -= start
            packet.stream = stream
            out.mux(packet)
    return buffer.getvalue()


def two_streams(small: int, large: int) -> bytes:
    """Return a clip with a preview of numbered frames before the main stream."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        streams = []
        for size in ((80, 48), SIZE):
            stream = out.add_stream("libx264", rate=8)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            streams.append(stream)
        for stream, total in zip(streams, (small, large), strict=True):
            for number in range(total):
                image = numbered(number).resize((stream.width, stream.height))
                out.mux(stream.encode(av.VideoFrame.from_image(image)))
            out.mux(stream.encode())
    return buffer.getvalue()


def sound_only(cover: bool = False) -> bytes:
    """Return a recording without a film, with a cover image if asked."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=8000)
        if cover:
            art = out.add_stream("mjpeg", rate=1)
            art.width, art.height = SIZE
            art.pix_fmt = "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic
        for step in range(20):
            frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
            frame.planes[0].update(bytes(frame.planes[0].buffer_size))
            frame.sample_rate, frame.pts, frame.time_base = 8000, step * 1024, Fraction(1, 8000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
        if cover:
            out.mux(art.encode(av.VideoFrame.from_image(numbered(5))))
            out.mux(art.encode())
    return buffer.getvalue()
