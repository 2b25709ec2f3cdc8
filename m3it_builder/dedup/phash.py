"""Perceptual hash (phash): bits and colors of an image that survive re-encoding and resizing.

The bits are signs of the lowest DCT coefficients of the image in grayscale. 64 of them find
candidates. Two checks confirm a candidate: 256 bits, which differ between images that merely
share a layout, and the correlation of two thumbnails of 8 by 8 color cells, which is low for
different images of similar arrangement.

``benchmarks/dedup.py`` measures recall and false positives on real and on synthetic images. Of
copies re-encoded as JPEG or WebP at quality 30 and above, at a quarter to twice the size, in
grayscale or at another brightness, 97 to 100 % are found; cropped by 2 %, 96 %; by 5 %, 70 to
80 %; with a box drawn on, two thirds; cropped by 10 %, hardly any. Of 1.1 million unrelated
pairs of synthetic scenes, which all resemble each other, nine are false positives; of
photographs, none. An average hash finds more of the cropped copies, at 19,645 false positives
among those pairs; a difference hash gives 7,210.

Where hardly any coefficient rises above noise, the bits carry no information: such an image is
*flat* (a blank page, an empty frame) and is only compared by digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image as PILImage
from PIL import ImageOps

from m3it_builder.media.decoding import exif_orientation, opened
from m3it_builder.media.images import to_rgb
from m3it_builder.media.probe import BadImage

VERSION = 1  # of the hash function; cached hashes of another version are not used
COARSE_BITS, FINE_BITS = 64, 256
THUMB_SIDE = 8  # cells

_SIDE = 32  # pixels of the reduced image
_NOISE = 1.0  # coefficients below carry no sign; in gray levels, orthonormal DCT
_MIN_CORRELATION = 0.95  # of two thumbnails
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as in JPEG
_GRAY_TOLERANCE = 8  # a cell is gray if its RGB values differ by no more
_MIN_SIGNIFICANT = 12  # of the 64 coefficients; an image with fewer above noise is flat
_ORIENTATION = 0x0112  # EXIF tag


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """The perceptual hash of one image."""

    coarse: int  # 64 bits
    fine: bytes  # 32 bytes, 256 bits
    thumb: bytes  # 192 bytes, (8, 8, 3) of uint8
    flat: bool  # the bits carry no information


class UnreadableImage(Exception):  # noqa: N818 - becomes a line of the report, fails nothing
    """An image does not decode; the message is the decoder's."""


def perceptual_hash(data: bytes) -> PerceptualHash:
    """Return the perceptual hash of an encoded image after EXIF transposition.

    Raises:
        UnreadableImage: the image does not decode.
    """
    try:
        small = _reduce(data)
    except BadImage as error:
        raise UnreadableImage(str(error).removeprefix("image_undecodable: ")) from error
    gray = np.asarray(small.convert("L"), dtype=np.float64)
    matrix = _dct_matrix(_SIDE)
    coefficients = (matrix @ gray @ matrix.T).ravel()
    lowest = coefficients[_lowest(COARSE_BITS)]
    coarse = np.packbits(lowest > _NOISE).tobytes()
    fine = np.packbits(coefficients[_square(16)] > _NOISE).tobytes()
    flat = int((np.abs(lowest) > _NOISE).sum()) < _MIN_SIGNIFICANT
    thumb = small.resize((THUMB_SIDE, THUMB_SIDE), PILImage.Resampling.BOX).tobytes()
    return PerceptualHash(int.from_bytes(coarse), fine, thumb, flat)


def fine_distance(distance: int) -> int:
    """Return how many of the 256 bits may differ for a distance of the 64: 64 for 8."""
    return 24 + 5 * distance


def same_colors(one: Any, two: Any) -> Any:
    """Return which pairs of thumbnails have the same colors.

    Where one of the two is gray, both are compared in grayscale.

    Args:
        one: uint8, (n, 192).
        two: uint8, (n, 192).

    Returns:
        An array of bool, (n,).
    """
    cells = [thumbs.reshape(-1, THUMB_SIDE**2, 3).astype(np.float32) for thumbs in (one, two)]
    is_gray = [np.ptp(side, axis=2).max(axis=1) <= _GRAY_TOLERANCE for side in cells]
    in_color = _correlation(*(side.reshape(len(side), -1) for side in cells))
    in_gray = _correlation(*(side @ _LUMA for side in cells))
    return np.where(is_gray[0] | is_gray[1], in_gray, in_color) >= _MIN_CORRELATION


def _correlation(one: Any, two: Any) -> Any:
    one = one - one.mean(axis=1, keepdims=True)
    two = two - two.mean(axis=1, keepdims=True)
    power = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    return (one * two).sum(axis=1) / np.maximum(power, 1e-6)


def _reduce(data: bytes) -> PILImage.Image:
    """Return an image reduced to 32 by 32 pixels of RGB, EXIF-transposed."""
    with opened(data) as image:
        orientation = exif_orientation(image)
        if image.format == "JPEG":
            image.draft("RGB", (2 * _SIDE, 2 * _SIDE))  # decodes at down to an eighth of the size
        small = to_rgb(image).resize((_SIDE, _SIDE), PILImage.Resampling.LANCZOS, reducing_gap=3.0)
    if orientation > 1:  # transposed after reduction, where it costs next to nothing
        exif = small.getexif()
        exif[_ORIENTATION] = orientation
        small = ImageOps.exif_transpose(small)
    return small


@cache
def _dct_matrix(side: int) -> Any:
    """Return the orthonormal DCT-II matrix, (side, side)."""
    angles = np.arange(side)[:, None] * (2 * np.arange(side)[None, :] + 1)
    matrix = np.sqrt(2 / side) * np.cos(np.pi * angles / (2 * side))
    matrix[0] /= np.sqrt(2)
    return matrix


@cache
def _lowest(count: int) -> Any:
    """Return the positions of the lowest frequencies except the mean, diagonal by diagonal."""
    down, across = np.mgrid[0:_SIDE, 0:_SIDE]
    order = np.lexsort((across.ravel(), (down + across).ravel()))
    return order[1 : count + 1]


@cache
def _square(side: int) -> Any:
    """Return the positions of a square of frequencies that vary along both axes."""
    down, across = np.mgrid[1 : side + 1, 1 : side + 1]
    return (down * _SIDE + across).ravel()
