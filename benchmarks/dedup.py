"""Duplicate search: a million hashes, and what the hashes recall and mistake.

The first part plants near copies among a million random hashes, and half of
a million crowded into few values of one band. It reports CPU seconds, peak memory,
and the recall against comparing a sample with everything. The second changes images
of the drawn world, and genuine ones where ``M3IT_REAL`` names a folder of some,
in the ways images change between data sets, and reports for two common hashes
beside ours how many of the copies are found, and how many unrelated pairs are too.
"""

from __future__ import annotations

import io
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance

from m3it_builder.dedup.hamming_search import near_pairs
from m3it_builder.dedup.phash import (
    DEFAULT_DISTANCE,
    UnreadableImage,
    fine_distance,
    look,
    same_colors,
)
from m3it_builder.media.images import displayed
from m3it_builder.samples.world import World, paint

NAME = Path(__file__).stem
HASHES = int(os.environ.get("M3IT_BENCH_HASHES", "1000000"))
DRAWN = int(os.environ.get("M3IT_BENCH_IMAGES", "1000"))
_Hash = tuple[int, int, bytes]
_CHANGED = 100  # images of a set that are changed in every way
_SAMPLE = 300  # hashes compared with all others


def run() -> dict[str, object]:
    """Return the two searches, and a table of recall and false alarms for each set."""
    results: dict[str, object] = {
        f"{HASHES:,} hashes": _search(_random(HASHES)),
        f"{HASHES:,} hashes, half of them crowded": _search(_crowded(HASHES)),
        "drawn images": _judged([paint(World().scene(n)) for n in range(DRAWN)]),
    }
    if genuine := list(_genuine()):
        results["genuine images"] = _judged(genuine)
    return results


def _random(count: int) -> Any:
    """Return different hashes, one in a hundred a near copy of another."""
    draw = np.random.default_rng(1)
    hashes = draw.integers(0, 2**64, count, dtype=np.uint64)
    for place in range(0, count, 100):
        bits = draw.choice(64, draw.integers(1, DEFAULT_DISTANCE + 1), replace=False)
        hashes[place] = hashes[place + 1] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    return np.unique(hashes)


def _crowded(count: int) -> Any:
    """Return hashes of which half agree in sixteen bits, as those of one kind of image do."""
    hashes = _random(count)
    hashes[::2] = (hashes[::2] & ~np.uint64(0xFFFF)) | np.uint64(0xBEEF)
    return np.unique(hashes)


def _search(hashes: Any) -> dict[str, object]:
    began = time.process_time()
    found = [pairs[:2] for pairs in near_pairs(hashes, DEFAULT_DISTANCE)]
    seconds = time.process_time() - began
    left = np.concatenate([pair[0] for pair in found])
    right = np.concatenate([pair[1] for pair in found])
    known = set(
        zip(np.minimum(left, right).tolist(), np.maximum(left, right).tolist(), strict=True)
    )
    wanted = set()
    # Half the sample are hashes of a pair: few of those drawn blindly have a like.
    draw = np.random.default_rng(2)
    sample = [*draw.choice(len(hashes), _SAMPLE), *draw.choice(left, _SAMPLE)]
    for place in map(int, sample):
        near = np.bitwise_count(hashes ^ hashes[place]) <= DEFAULT_DISTANCE
        others = np.flatnonzero(near).tolist()
        wanted |= {(min(place, o), max(place, o)) for o in others if o != place}
    return {
        "pairs": len(known),
        "found twice": len(left) - len(known),
        "CPU seconds": round(seconds, 1),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "recall against comparing all": len(wanted & known) / len(wanted),
        "pairs in that sample": len(wanted),
    }


def _judged(images: list[Image.Image]) -> dict[str, object]:
    """Return, by hash, how many changed copies are found and how many unrelated pairs."""
    looks = [_hashes(_encoded(image, "PNG")) for image in images]
    kinds = list(looks[0])
    found: dict[str, dict[str, list[bool]]] = {}
    for image, own in list(zip(images, looks, strict=True))[:_CHANGED]:
        for change, data in _changes(image):
            other = _hashes(data)
            for kind in kinds:
                cell = found.setdefault(change, {}).setdefault(kind, [])
                cell.append(_alike(own[kind], other[kind]))
    alarms = {
        kind: sum(
            _alike(looks[i][kind], looks[j][kind])
            for i in range(len(looks))
            for j in range(i + 1, len(looks))
        )
        for kind in kinds
    }
    return {
        "images": len(images),
        "unrelated pairs": len(images) * (len(images) - 1) // 2,
        "of them taken for copies": alarms,
        "copies found": {
            change: {kind: round(sum(cell) / len(cell), 3) for kind, cell in row.items()}
            for change, row in found.items()
        },
    }


def _hashes(data: bytes) -> dict[str, _Hash]:
    """Return (bits, finer bits, thumbnail) by kind of hash, blank where it has none."""
    with Image.open(io.BytesIO(data)) as image:
        grey = image.convert("L")
    eight = np.asarray(grey.resize((8, 8), Image.Resampling.LANCZOS), float)
    nine = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS), float)
    own = look(data)
    return {
        "average": (_number(eight > eight.mean()), 0, b""),
        "difference": (_number(nine[:, 1:] > nine[:, :-1]), 0, b""),
        "cosine, 64 bits": (own.coarse, 0, b""),
        "and 256 bits": (own.coarse, int.from_bytes(own.fine), b""),
        "and colors": (own.coarse, int.from_bytes(own.fine), own.thumb),
    }


def _number(bits: Any) -> int:
    return int.from_bytes(np.packbits(bits).tobytes())


def _alike(one: _Hash, two: _Hash) -> bool:
    if (one[0] ^ two[0]).bit_count() > DEFAULT_DISTANCE:
        return False
    if (one[1] ^ two[1]).bit_count() > fine_distance(DEFAULT_DISTANCE):
        return False
    sides = [np.frombuffer(each[2], np.uint8)[None] for each in (one, two)]
    return not one[2] or bool(same_colors(*sides)[0])


def _changes(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    width, height = image.size
    for quality in (30, 50, 70, 90):
        yield f"JPEG quality {quality}", _encoded(image, "JPEG", quality=quality)
    yield "JPEG quality 75, full chroma", _encoded(image, "JPEG", quality=75, subsampling=0)
    yield "WebP quality 60", _encoded(image, "WEBP", quality=60)
    for factor in (0.25, 0.5, 1.5, 2.0):
        size = max(8, round(width * factor)), max(8, round(height * factor))
        yield f"size {factor}", _encoded(image.resize(size), "JPEG", quality=85)
    for share in (0.02, 0.05, 0.1):
        across, down = round(width * share / 2), round(height * share / 2)
        cut = image.crop((across, down, width - across, height - down))
        yield f"cropped by {share:.0%}", _encoded(cut, "JPEG", quality=85)
    for factor in (0.85, 1.15):
        brighter = ImageEnhance.Brightness(image).enhance(factor)
        yield f"brightness {factor}", _encoded(brighter, "JPEG", quality=85)
    yield "grey", _encoded(image.convert("L"), "JPEG", quality=85)
    yield "red box", _encoded(_boxed(image), "JPEG", quality=95)


def _boxed(image: Image.Image) -> Image.Image:
    width, height = image.size
    x, y = width // 5, height // 4
    canvas = image.copy()
    line = max(2, round(max(width, height) / 200))
    box = (x, y, x + width // 3, y + height // 3)
    ImageDraw.Draw(canvas).rectangle(box, outline=(255, 0, 0), width=line)
    return canvas


def _encoded(image: Image.Image, kind: str, **how: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def _genuine() -> Iterator[Image.Image]:
    folder = os.environ.get("M3IT_REAL")
    paths = sorted(Path(folder).rglob("*")) if folder else []
    seen: set[bytes] = set()
    for path in paths:
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png") or path.read_bytes() in seen:
            continue
        data = path.read_bytes()
        seen.add(data)
        try:
            look(data)
        except UnreadableImage:
            continue
        yield displayed(data)
