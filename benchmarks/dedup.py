"""Duplicate search: a million hashes, and recall and false positives of the perceptual hash.

The first part plants near copies among a million random hashes, once with half of the hashes
crowded into few values of one band. It reports CPU seconds, peak memory, and recall against a
brute-force comparison of a sample. The second part modifies synthetic images, and real ones if
``M3IT_REAL`` names a folder with some, as copies differ between datasets. For two common hashes
and for ours it reports the recall of the copies and the false positives among unrelated pairs.
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
from m3it_builder.dedup.options import DEFAULT_DISTANCE
from m3it_builder.dedup.phash import (
    UnreadableImage,
    fine_distance,
    perceptual_hash,
    same_colors,
)
from m3it_builder.media.images import exif_transposed
from m3it_builder.samples.world import World, paint

NAME = Path(__file__).stem
HASHES = int(os.environ.get("M3IT_BENCH_HASHES", "1000000"))
IMAGES = int(os.environ.get("M3IT_BENCH_IMAGES", "1000"))
_Hash = tuple[int, int, bytes]
_MODIFIED = 100  # images of a set to modify in every way
_SAMPLE = 300  # hashes to compare with all others


def run() -> dict[str, object]:
    """Return both searches, and recall and false positives for each set of images."""
    results: dict[str, object] = {
        f"{HASHES:,} hashes": _search(_random(HASHES)),
        f"{HASHES:,} hashes, half of them crowded": _search(_crowded(HASHES)),
        "synthetic images": _evaluate([paint(World().scene(n)) for n in range(IMAGES)]),
    }
    if real := list(_real_images()):
        results["real images"] = _evaluate(real)
    return results


def _random(count: int) -> Any:
    """Return distinct random hashes, one in a hundred a near copy of another."""
    random = np.random.default_rng(1)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    for position in range(0, count, 100):
        bits = random.choice(64, random.integers(1, DEFAULT_DISTANCE + 1), replace=False)
        flips = np.uint64(sum(1 << int(bit) for bit in bits))
        hashes[position] = hashes[position + 1] ^ flips
    return np.unique(hashes)


def _crowded(count: int) -> Any:
    """Return hashes of which half agree in sixteen bits, like those of one kind of image."""
    hashes = _random(count)
    hashes[::2] = (hashes[::2] & ~np.uint64(0xFFFF)) | np.uint64(0xBEEF)
    return np.unique(hashes)


def _search(hashes: Any) -> dict[str, object]:
    start = time.process_time()
    found = [pairs[:2] for pairs in near_pairs(hashes, DEFAULT_DISTANCE)]
    seconds = time.process_time() - start
    left = np.concatenate([pair[0] for pair in found])
    right = np.concatenate([pair[1] for pair in found])
    pairs = set(
        zip(np.minimum(left, right).tolist(), np.maximum(left, right).tolist(), strict=True)
    )
    expected = set()
    # Half of the sample are hashes with a match: few of a purely random sample have one.
    random = np.random.default_rng(2)
    sample = [*random.choice(len(hashes), _SAMPLE), *random.choice(left, _SAMPLE)]
    for position in map(int, sample):
        near = np.bitwise_count(hashes ^ hashes[position]) <= DEFAULT_DISTANCE
        others = np.flatnonzero(near).tolist()
        expected |= {(min(position, o), max(position, o)) for o in others if o != position}
    return {
        "pairs": len(pairs),
        "repeated pairs": len(left) - len(pairs),
        "CPU seconds": round(seconds, 1),
        "peak MB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "recall against brute force": len(expected & pairs) / len(expected),
        "pairs in the sample": len(expected),
    }


def _evaluate(images: list[Image.Image]) -> dict[str, object]:
    """Return recall and false positives of each hash."""
    hashes = [_hashes(_encode(image, "PNG")) for image in images]
    kinds = list(hashes[0])
    matches: dict[str, dict[str, list[bool]]] = {}
    for image, original in list(zip(images, hashes, strict=True))[:_MODIFIED]:
        for modification, data in _modifications(image):
            copy = _hashes(data)
            for kind in kinds:
                cell = matches.setdefault(modification, {}).setdefault(kind, [])
                cell.append(_is_match(original[kind], copy[kind]))
    false_positives = {
        kind: sum(
            _is_match(hashes[i][kind], hashes[j][kind])
            for i in range(len(hashes))
            for j in range(i + 1, len(hashes))
        )
        for kind in kinds
    }
    return {
        "images": len(images),
        "unrelated pairs": len(images) * (len(images) - 1) // 2,
        "false positives": false_positives,
        "recall": {
            modification: {kind: round(sum(cell) / len(cell), 3) for kind, cell in row.items()}
            for modification, row in matches.items()
        },
    }


def _hashes(data: bytes) -> dict[str, _Hash]:
    """Return (bits, finer bits, thumbnail) by kind of hash, empty where a kind has none."""
    with Image.open(io.BytesIO(data)) as image:
        gray = image.convert("L")
    eight = np.asarray(gray.resize((8, 8), Image.Resampling.LANCZOS), float)
    nine = np.asarray(gray.resize((9, 8), Image.Resampling.LANCZOS), float)
    own = perceptual_hash(data)
    return {
        "average": (_pack(eight > eight.mean()), 0, b""),
        "difference": (_pack(nine[:, 1:] > nine[:, :-1]), 0, b""),
        "cosine, 64 bits": (own.coarse, 0, b""),
        "and 256 bits": (own.coarse, int.from_bytes(own.fine), b""),
        "and colors": (own.coarse, int.from_bytes(own.fine), own.thumb),
    }


def _pack(bits: Any) -> int:
    return int.from_bytes(np.packbits(bits).tobytes())


def _is_match(one: _Hash, two: _Hash) -> bool:
    if (one[0] ^ two[0]).bit_count() > DEFAULT_DISTANCE:
        return False
    if (one[1] ^ two[1]).bit_count() > fine_distance(DEFAULT_DISTANCE):
        return False
    thumbs = [np.frombuffer(each[2], np.uint8)[None] for each in (one, two)]
    return not one[2] or bool(same_colors(*thumbs)[0])


def _modifications(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    width, height = image.size
    for quality in (30, 50, 70, 90):
        yield f"JPEG quality {quality}", _encode(image, "JPEG", quality=quality)
    yield "JPEG quality 75, full chroma", _encode(image, "JPEG", quality=75, subsampling=0)
    yield "WebP quality 60", _encode(image, "WEBP", quality=60)
    for factor in (0.25, 0.5, 1.5, 2.0):
        size = max(8, round(width * factor)), max(8, round(height * factor))
        yield f"size {factor}", _encode(image.resize(size), "JPEG", quality=85)
    for share in (0.02, 0.05, 0.1):
        across, down = round(width * share / 2), round(height * share / 2)
        cropped = image.crop((across, down, width - across, height - down))
        yield f"cropped by {share:.0%}", _encode(cropped, "JPEG", quality=85)
    for factor in (0.85, 1.15):
        brightened = ImageEnhance.Brightness(image).enhance(factor)
        yield f"brightness {factor}", _encode(brightened, "JPEG", quality=85)
    yield "gray", _encode(image.convert("L"), "JPEG", quality=85)
    yield "red box", _encode(_with_box(image), "JPEG", quality=95)


def _with_box(image: Image.Image) -> Image.Image:
    width, height = image.size
    x, y = width // 5, height // 4
    canvas = image.copy()
    line_width = max(2, round(max(width, height) / 200))
    box = (x, y, x + width // 3, y + height // 3)
    ImageDraw.Draw(canvas).rectangle(box, outline=(255, 0, 0), width=line_width)
    return canvas


def _encode(image: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _real_images() -> Iterator[Image.Image]:
    folder = os.environ.get("M3IT_REAL")
    paths = sorted(Path(folder).rglob("*")) if folder else []
    known: set[bytes] = set()
    for path in paths:
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        data = path.read_bytes()
        if data in known:
            continue
        known.add(data)
        try:
            perceptual_hash(data)
        except UnreadableImage:
            continue
        yield exif_transposed(data)
