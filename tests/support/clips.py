"""Test clips: every frame carries its number as a bar code, in many containers and codecs.

Clips are encoded on first use and cached for the process.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from m3it_builder.samples.clips import encode_clip
from tests.support.slices import REAL

BITS = 10
BAR = 16  # pixels
SIZE = (BITS * BAR, 96)


def numbered(number: int) -> Image.Image:
    """Return a frame that shows a number below 1024."""
    image = Image.new("RGB", SIZE, (0, 0, 0))
    pen = ImageDraw.Draw(image)
    for bit in range(BITS):
        if number >> bit & 1:
            pen.rectangle((bit * BAR, 0, (bit + 1) * BAR - 1, SIZE[1] - 1), fill=(255, 255, 255))
    return image


def number_of(image: Image.Image) -> int:
    """Return the number of a frame; damage appears as a bar that is neither black nor white."""
    assert image.size == SIZE
    gray = image.convert("L")
    number = 0
    for bit in range(BITS):
        level = gray.getpixel(((bit * BAR) + BAR // 2, SIZE[1] // 2))
        assert isinstance(level, int)
        assert level < 70 or level > 185, f"bar {bit} is gray: {level}"
        number |= (level > 127) << bit
    return number


def clip(
    total: int, container: str, codec: str, timestamps: Iterable[int] | None = None, **options: str
) -> bytes:
    """Return a clip of numbered frames."""
    return encode_clip(map(numbered, range(total)), container, codec, options, timestamps)


def remuxed(data: bytes, container: str = "mp4", first: int = 0, rotation: int = 0) -> bytes:
    """Copy the packets of a clip, from a frame on, with a rotation flag; nothing is encoded.

    Copying from the middle is a cut by stream copy: packets before the cut that later
    frames depend on are kept and marked as discarded.
    """
    buffer = io.BytesIO()
    with av.open(io.BytesIO(data)) as source, av.open(buffer, "w", format=container) as out:
        template = source.streams.video[0]
        stream = out.add_stream_from_template(template)
        if rotation:
            stream.set_display_rotation(rotation)
        packets = [packet for packet in source.demux(template) if packet.size]
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
    """Return an audio file without video, with a cover image if asked."""
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


# --- damaged clips ----------------------------------------------------------------------------


def truncated(folder: Path) -> bytes:
    """Return a clip whose index comes first and refers to more data than the file has."""
    path = folder / "complete.mp4"
    with av.open(io.BytesIO(clip(90, "mp4", "libx264", g="12"))) as source:
        template = source.streams.video[0]
        with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
            stream = out.add_stream_from_template(template)
            for packet in source.demux(template):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    data = path.read_bytes()
    return data[: len(data) * 6 // 10]


def with_flipped_bytes(_: Path) -> bytes:
    """Return a clip with damaged frames in the middle."""
    data = bytearray(clip(90, "mp4", "libx264", g="12"))
    start = data.index(b"mdat") + len(data) // 4
    for offset in range(start, start + 400, 5):
        data[offset] ^= 0xFF
    return bytes(data)


# --- kinds of files ---------------------------------------------------------------------------

# Milliseconds: 25 frames a second at first, 5 frames a second from frame 60 on.
SLOWING = [n * 40 if n < 60 else 2_400 + (n - 60) * 200 for n in range(90)]
# name: encoder, number of displayed frames, number on the first of them
CLIPS: dict[str, tuple[Callable[[], bytes], int, int]] = {
    "h264, one key frame": (lambda: clip(90, "mp4", "libx264", g="250"), 90, 0),
    "h264, B-frames": (lambda: clip(90, "mp4", "libx264", g="12", bf="2"), 90, 0),
    "variable rate": (lambda: clip(90, "mp4", "libx264", SLOWING), 90, 0),
    "variable rate, mkv": (lambda: clip(90, "matroska", "libx264", SLOWING), 90, 0),
    "late start": (lambda: clip(30, "mp4", "libx264", range(3_700, 6_700, 100)), 30, 0),
    "vp9": (lambda: clip(90, "webm", "libvpx-vp9"), 90, 0),
    "vp8": (lambda: clip(90, "webm", "libvpx"), 90, 0),
    "hevc": (lambda: clip(90, "mp4", "libx265"), 90, 0),
    "av1": (lambda: clip(90, "mp4", "libsvtav1"), 90, 0),
    "avi": (lambda: clip(90, "avi", "mpeg4"), 90, 0),
    "avi, B-frames": (lambda: clip(90, "avi", "mpeg4", bf="2"), 90, 0),
    "cut by stream copy": (
        lambda: remuxed(clip(90, "mp4", "libx264", g="250", bf="2"), first=20), 70, 20,
    ),
    "two streams": (lambda: two_streams(40, 30), 30, 0),
    "one frame": (lambda: clip(1, "mp4", "libx264"), 1, 0),
    "three frames": (lambda: clip(3, "mp4", "libx264"), 3, 0),
}  # fmt: skip


@cache
def encoded(name: str) -> bytes:
    """Return a clip of the table."""
    return CLIPS[name][0]()


# Files that no decoder accepts as a video, with the reasons it may give.
NO_VIDEOS: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "empty": (lambda: b"", {"video_unreadable"}),
    "web page": (
        lambda: b"<!DOCTYPE html><html><body>not found</body></html>" * 20, {"video_unreadable"}
    ),
    "without its index": (lambda: clip(20, "mp4", "libx264")[:900], {"video_unreadable"}),
    "sound": (sound_only, {"video_empty", "video_unreadable"}),
    "sound with a cover": (lambda: sound_only(cover=True), {"video_empty", "video_unreadable"}),
}  # fmt: skip


# --- genuine clips ----------------------------------------------------------------------------

GENUINE = {  # displayed frames; None where the count is not documented
    "decord_flipping_a_pancake.mkv": 310,
    "decord_unordered.mov": 4,
    "decord_video_0.mov": 3,
    "decord_video_90.mov": 3,
    "decord_video_180.mov": 3,
    "decord_video_270.mov": 3,
    "mmaction2_demo.mp4": 280,
    "mmaction2_test.avi": 164,
    "torchcodec_av1_video.mkv": 125,
    "torchcodec_bt709_full_range.mp4": None,
    "torchcodec_h264_10bits.mp4": None,
    "torchcodec_h265_video.mp4": 10,
    "torchcodec_nasa_13013.mp4": 390,
}


def genuine_clip(name: str) -> bytes:
    """Return a public test clip; skip the test where it is absent."""
    path = REAL / "videos" / name
    if not path.exists():
        pytest.skip(f"genuine clip {path} is not available")
    return path.read_bytes()


def decode_sequentially(data: bytes) -> list[Image.Image]:
    """Decode everything from start to end, as a player does: no seek, no frame count."""
    from m3it_builder.media.video import pyav

    with av.open(io.BytesIO(data)) as container:
        stream = max(container.streams.video, key=lambda s: s.codec_context.width)
        return [pyav._upright(frame) for frame in container.decode(stream)]


def mean_difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two images on a scale of 255."""
    assert one.size == other.size
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3
