"""Perceptual hashes survive common modifications and differ between images."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from m3it_builder.dedup import phash
from m3it_builder.dedup.options import DEFAULT_DISTANCE
from m3it_builder.dedup.phash import (
    PerceptualHash,
    UnreadableImage,
    fine_distance,
    perceptual_hash,
)
from tests.support.duplicates import encode, scene
from tests.support.slices import REAL


def rotate_by_exif(image: Image.Image) -> bytes:
    """Return an image stored rotated, with the EXIF tag that undoes it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(image.transpose(Image.Transpose.ROTATE_90), quality=95, exif=exif)


def same_colors(one: PerceptualHash, two: PerceptualHash) -> bool:
    thumbs = [np.frombuffer(each.thumb, np.uint8)[None] for each in (one, two)]
    return bool(phash.same_colors(*thumbs)[0])


def distances(one: PerceptualHash, two: PerceptualHash) -> tuple[int, int]:
    fine = int.from_bytes(one.fine) ^ int.from_bytes(two.fine)
    return (one.coarse ^ two.coarse).bit_count(), fine.bit_count()


def test_modified_copies_stay_near() -> None:
    for number in range(20):
        image = scene(number, (320, 240))
        original = perceptual_hash(encode(image, "PNG"))
        copies = {
            "quality 30": encode(image, quality=30),
            "WebP": encode(image, "WEBP", quality=60),
            "half": encode(image.resize((160, 120)), quality=85),
            "double": encode(image.resize((640, 480)), quality=85),
            "cropped": encode(image.crop((2, 1, 318, 239)), quality=85),
            "gray": encode(image.convert("L"), quality=85),
            "rotated by EXIF": rotate_by_exif(image),
        }
        for name, data in copies.items():
            copy = perceptual_hash(data)
            bits, fine_bits = distances(original, copy)
            assert bits <= DEFAULT_DISTANCE, (number, name)
            assert fine_bits <= fine_distance(DEFAULT_DISTANCE), (number, name)
            assert same_colors(original, copy), (number, name)
        other = perceptual_hash(encode(scene(number + 1000, (320, 240)), "PNG"))
        assert distances(original, other)[0] > 12


def test_truncated_image_is_unreadable() -> None:
    with pytest.raises(UnreadableImage, match="truncated"):
        perceptual_hash(encode(scene(7))[:-600])


def test_real_photographs_are_all_different() -> None:
    """Of several sources: no false positives, and each is near its copy at quality 40."""
    folders = [REAL / name for name in ("coco", "imagenet", "gqa", "cc3m", "laion400m")]
    files = [path for folder in folders for path in sorted(folder.rglob("*.jpg"))]
    if not files:
        pytest.skip(f"no photographs below {REAL}")
    by_data = {data: perceptual_hash(data) for data in {path.read_bytes() for path in files}}
    hashes = list(by_data.values())
    assert not any(hashed.flat for hashed in hashes)
    max_fine = fine_distance(DEFAULT_DISTANCE)
    for number, one in enumerate(hashes):
        for two in hashes[number + 1 :]:
            bits, fine_bits = distances(one, two)
            is_far = bits > DEFAULT_DISTANCE or fine_bits > max_fine
            assert is_far or not same_colors(one, two)
    for data, original in by_data.items():
        with Image.open(io.BytesIO(data)) as image:
            copy = perceptual_hash(encode(image.convert("RGB"), quality=40))
        assert distances(original, copy)[0] <= DEFAULT_DISTANCE
