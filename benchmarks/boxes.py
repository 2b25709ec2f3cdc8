"""Drawing a box on a JPEG: CPU time, and what becomes of the image off the lines.

The peers decode, draw and encode at quality 95 without halved colors, the
usual choice where images should stay good; ours keeps the tables and the
sampling that the image came with.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image, ImageDraw

from benchmarks.images import write_images
from m3it_builder.media.images import COLORS, draw, line_width
from m3it_builder.records import Region

NAME = Path(__file__).stem
IMAGES = 24
ROUNDS = int(os.environ.get("M3IT_BENCH_ROUNDS", "5"))
_BOX = (100, 80, 380, 300)
_AWAY = 24  # pixels from a line at which the image counts as untouched

Drawer = Callable[[bytes], bytes]


def run() -> dict[str, object]:
    """Return milliseconds an image, the ratio to Pillow, PSNR off the lines, and size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        write_images(folder, IMAGES)
        data = [path.read_bytes() for path in sorted(folder.iterdir())]
    ways = _ways()
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, drawer in ways.items():
            seconds[way].append(_timed(drawer, data))
    base = seconds["Pillow, quality 95, 4:4:4"]
    return {
        way: {
            "ms an image": round(median(taken) / IMAGES * 1e3, 2),
            "speed, against Pillow": round(
                median(b / t for b, t in zip(base, taken, strict=True)), 2
            ),
            "PSNR off the lines, dB": round(median(_psnr(one, ways[way](one)) for one in data), 1),
            "size, against the source": round(
                sum(len(ways[way](one)) for one in data) / sum(map(len, data)), 2
            ),
        }
        for way, taken in seconds.items()
    }


def _ways() -> dict[str, Drawer]:
    ways: dict[str, Drawer] = {
        "Pillow, quality 95, 4:4:4": lambda data: _pillow(data, 95, 0),
        "Pillow, quality 75, 4:2:0 (its default)": lambda data: _pillow(data, 75, 2),
    }
    try:
        import simplejpeg  # noqa: F401
    except ModuleNotFoundError:
        pass
    else:
        ways["simplejpeg, quality 95, 4:4:4"] = _simplejpeg
    ways["m3it"] = lambda data: draw(data, [Region(_BOX)], (640, 480), None).data
    return ways


def _pillow(data: bytes, quality: int, subsampling: int) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    ImageDraw.Draw(image).rectangle(_BOX, outline=COLORS["red"], width=line_width(640, 480))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def _simplejpeg(data: bytes) -> bytes:
    import simplejpeg

    pixels = simplejpeg.decode_jpeg(data)
    line = line_width(640, 480)
    left, top, right, bottom = _BOX
    for area in (
        np.s_[top : top + line, left:right],
        np.s_[bottom - line : bottom, left:right],
        np.s_[top:bottom, left : left + line],
        np.s_[top:bottom, right - line : right],
    ):
        pixels[area] = COLORS["red"]
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=95, colorsubsampling="444")
    return encoded


def _timed(drawer: Drawer, data: list[bytes]) -> float:
    drawer(data[0])
    began = time.process_time()
    for one in data:
        drawer(one)
    return time.process_time() - began


def _psnr(before: bytes, after: bytes) -> float:
    one, other = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), float) for each in (before, after)
    )
    left, top, right, bottom = _BOX
    off = np.ones(one.shape[:2], bool)
    off[top - _AWAY : bottom + _AWAY, left - _AWAY : right + _AWAY] = False
    off[top + _AWAY : bottom - _AWAY, left + _AWAY : right - _AWAY] = True
    error = float(((one - other) ** 2)[off].mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")
