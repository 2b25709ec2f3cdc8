"""Our own Parquet pages against pyarrow's writer: CPU time of packing the same rows.

Both pack the same spool into the same row groups; only the writer differs. The ratio for
images of 122 KB decides whether our pages are kept, see
``docs/decisions/0013-our-own-parquet-pages.md``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median

import pyarrow as pa

from benchmarks.images import PIXELS, TINY_PIXELS
from benchmarks.phase_b import IMAGES, ROUNDS, alternate, prepare
from benchmarks.writers import PYARROW

NAME = Path(__file__).stem
LIMIT = 1.15  # below this ratio our pages are deleted
_OURS = "m3it parquet"


def run() -> dict[str, object]:
    """Return the CPU time of pyarrow over ours, for large and for tiny images."""
    return {
        "pyarrow": pa.__version__,
        "images": _compare(PIXELS, IMAGES),
        "tiny images": _compare(TINY_PIXELS, 10 * IMAGES),
        "limit": LIMIT,
    }


def _compare(pixels: tuple[int, int], count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, count, pixels=pixels)
        sizes = [path.stat().st_size for path in (folder / "src").rglob("*.jpg")]
        os.sync()  # write-back of the prepared files must not fall on a writer
        seconds = alternate([_OURS, PYARROW], folder, ROUNDS)
    ours, theirs = seconds[_OURS], seconds[PYARROW]
    return {
        "bytes per image": round(sum(sizes) / len(sizes)),
        "ours, µs per row": round(median(ours) / count * 1e6, 1),
        "pyarrow, µs per row": round(median(theirs) / count * 1e6, 1),
        "pyarrow, of ours": round(median(b / a for a, b in zip(ours, theirs, strict=True)), 3),
    }
