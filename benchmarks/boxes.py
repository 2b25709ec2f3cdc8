"""Drawing a box on a JPEG: CPU time, and the quality of the image off the lines.

The alternatives decode, draw and encode at quality 95 without chroma subsampling, the usual
choice for good quality; m3it keeps the quantization tables and the subsampling of the image.
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
_MARGIN = 24  # pixels around a line that do not count as off the lines

Drawer = Callable[[bytes], bytes]


def run() -> dict[str, object]:
    """Return milliseconds per image, the speed against Pillow, PSNR off the lines, and size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "images"
        write_images(folder, IMAGES)
        data = [path.read_bytes() for path in sorted(folder.iterdir())]
    methods = _methods()
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(ROUNDS):
        for name, drawer in methods.items():
            seconds[name].append(_cpu_seconds(drawer, data))
    baseline = seconds["Pillow, quality 95, 4:4:4"]
    result: dict[str, object] = {}
    for name, drawer in methods.items():
        drawn = [drawer(image) for image in data]
        speeds = [b / s for b, s in zip(baseline, seconds[name], strict=True)]
        psnr = [_psnr(before, after) for before, after in zip(data, drawn, strict=True)]
        result[name] = {
            "ms an image": round(median(seconds[name]) / IMAGES * 1e3, 2),
            "speed, against Pillow": round(median(speeds), 2),
            "PSNR off the lines, dB": round(median(psnr), 1),
            "size, against the source": round(sum(map(len, drawn)) / sum(map(len, data)), 2),
        }
    return result


def _methods() -> dict[str, Drawer]:
    methods: dict[str, Drawer] = {
        "Pillow, quality 95, 4:4:4": lambda data: _pillow(data, 95, 0),
        "Pillow, quality 75, 4:2:0 (its default)": lambda data: _pillow(data, 75, 2),
    }
    try:
        import simplejpeg  # noqa: F401
    except ModuleNotFoundError:
        pass
    else:
        methods["simplejpeg, quality 95, 4:4:4"] = _simplejpeg
    methods["m3it"] = lambda data: draw(data, [Region(_BOX)], (640, 480), None).data
    return methods


def _pillow(data: bytes, quality: int, subsampling: int) -> bytes:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    ImageDraw.Draw(image).rectangle(_BOX, outline=COLORS["red"], width=line_width(640, 480))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return buffer.getvalue()


def _simplejpeg(data: bytes) -> bytes:
    import simplejpeg

    pixels = simplejpeg.decode_jpeg(data)
    width = line_width(640, 480)
    left, top, right, bottom = _BOX
    for area in (
        np.s_[top : top + width, left:right],
        np.s_[bottom - width : bottom, left:right],
        np.s_[top:bottom, left : left + width],
        np.s_[top:bottom, right - width : right],
    ):
        pixels[area] = COLORS["red"]
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=95, colorsubsampling="444")
    return encoded


def _cpu_seconds(drawer: Drawer, data: list[bytes]) -> float:
    drawer(data[0])  # imports and caches are not measured
    start = time.process_time()
    for image in data:
        drawer(image)
    return time.process_time() - start


def _psnr(before: bytes, after: bytes) -> float:
    one, other = (
        np.asarray(Image.open(io.BytesIO(each)).convert("RGB"), float) for each in (before, after)
    )
    left, top, right, bottom = _BOX
    is_off = np.ones(one.shape[:2], bool)
    is_off[top - _MARGIN : bottom + _MARGIN, left - _MARGIN : right + _MARGIN] = False
    is_off[top + _MARGIN : bottom - _MARGIN, left + _MARGIN : right - _MARGIN] = True
    error = float(((one - other) ** 2)[is_off].mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")
