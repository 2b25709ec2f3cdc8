"""Bounds on decoding: processor time, pixels, metadata, and reads of the header."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from m3it_builder.media import decoding
from m3it_builder.media.decoding import exif_orientation, opened
from m3it_builder.media.images import (
    decoded_header,
    draw,
    exif_transposed,
    exif_transposed_regions,
    require_decodable,
)
from m3it_builder.media.probe import BadImage
from m3it_builder.records import Region
from m3it_builder.verify.images import decode
from tests.support import bombs
from tests.support.images import ENCODINGS, IDS, encoded

BOX = [Region((1, 1, 9, 9))]


def hashed(data: bytes) -> Any:
    """Hash an image; what it raises is turned back into the error of the decoder."""
    phash = pytest.importorskip("m3it_builder.dedup.phash")
    try:
        return phash.perceptual_hash(data)
    except phash.UnreadableImage as error:
        reason, _, detail = str(error).partition(": ")
        raise BadImage(reason, detail) from error


def verified(data: bytes) -> None:
    """Decode an image as ``m3it verify`` does."""
    error = decode(data, 10**9).error
    if error:
        reason, _, detail = error.partition(": ")
        raise BadImage(reason, detail)


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "decode: full": require_decodable,
    "draw": lambda data: draw(data, BOX, None, None),
    "malformed": decoded_header,
    "contact sheet": exif_transposed,
    "dedup": hashed,
    "verify": verified,
}


# --- time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bombs.scan_bomb, bombs.empty_scan_bomb])
@pytest.mark.parametrize("name", DECODERS)
def test_scan_bomb_is_stopped_wherever_images_are_decoded(
    name: str, make: Callable[[tuple[int, int], int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.1)
    monkeypatch.setattr(decoding, "DECODE_SECONDS_PER_PIXEL", 0.0)
    data = make((2000, 2000), 9_000)
    with pytest.raises(BadImage) as caught:
        DECODERS[name](data)
    assert caught.value.reason == "image_timeout"
    assert caught.value.detail == "more than 0.1 s of processor time"


def test_time_is_checked_between_a_few_scans_of_a_large_image(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A block of Pillow's size would hold a thousand scans, which take minutes."""
    small, large = bombs.scan_bomb((640, 480), 1), bombs.scan_bomb((4000, 4000), 1)
    with opened(small) as image:
        assert image.decodermaxblock == 65_536
    with opened(large) as image:
        assert image.decodermaxblock < 4_096
    with opened(bombs.jpeg((4000, 4000))) as image:
        assert image.decodermaxblock == 65_536, "an ordinary image, of one scan"


@pytest.mark.parametrize(
    "extra",
    [
        bombs.png_chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 20), 9)) * 1_000,
        bombs.png_chunk(b"IDAT", b"") * 200_000,
    ],
    ids=["color profiles that inflate a thousandfold", "empty parts of the pixels"],
)
def test_chunks_of_a_png_take_time_too(extra: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.1)
    with pytest.raises(BadImage, match="image_timeout"):
        require_decodable(bombs.png(extra))


@pytest.mark.parametrize(("mode", "kind", "options"), ENCODINGS, ids=IDS)
def test_every_encoding_decodes_as_without_bounds(
    mode: str, kind: str, options: dict[str, Any]
) -> None:
    data = encoded(mode, kind, (333, 217), **options)
    with opened(data) as image:
        image.load()
    expected = Image.open(io.BytesIO(data))
    assert (image.mode, image.tobytes()) == (expected.mode, expected.tobytes())


# --- headers without end ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + bytes(1 << 20),
        b"\xff\xd8\xff" + bytes(1 << 20) + bombs.jpeg()[2:],
        b"\xff\xd8" + b"\xff" * (1 << 20) + bombs.jpeg()[2:],
        b"GIF89a\x0a\0\x0a\0\0\0\0" + b"U" * (1 << 20) + b";",
        b"GIF89a\x0a\0\x0a\0\0\0\0!\xfe" + b"\x01c" * (1 << 20) + b"\0;",
        bombs.png(bombs.png_chunk(b"prIv", b"") * 100_000),
    ],
    ids=["no marker", "late marker", "fill bytes", "no block", "tiny comments", "chunks"],
)
def test_header_is_not_searched_for_ever(data: bytes) -> None:
    with pytest.raises(BadImage) as caught:
        require_decodable(data)
    assert caught.value.reason == "image_undecodable"
    assert caught.value.detail == "no pixels after 100,000 reads"


def test_message_is_the_same_on_every_machine() -> None:
    """Details of rejects are published; Pillow's message has an address in memory."""
    for data in (b"II*\0 no TIFF here", b"%!PS-Adobe-3.0 EPSF-3.0", b"P6 1 1 255 abc"):
        with pytest.raises(BadImage) as caught:
            require_decodable(data)
        assert caught.value.detail == "cannot be identified as an image"


# --- pixels -----------------------------------------------------------------------------------


def test_limit_holds_for_what_is_decoded_whatever_the_header_says() -> None:
    data = bombs.gif_with_larger_frame((10, 10), (400, 300))
    require_decodable(data, 120_000)
    for decoder in (
        lambda: require_decodable(data, 119_999),
        lambda: draw(data, BOX, None, None, 119_999),
        lambda: exif_transposed_regions(data, BOX, None, None, 119_999),
    ):
        with pytest.raises(BadImage, match="image_oversized"):
            decoder()


@pytest.mark.parametrize("limit", [59, 60, 61])
def test_limit_is_exact(limit: int) -> None:
    data = encoded("RGB", "PNG", (6, 10))
    if limit >= 60:
        require_decodable(data, limit)
        return
    with pytest.raises(BadImage, match="image_oversized"):
        require_decodable(data, limit)


def test_header_of_an_enormous_image_allocates_nothing() -> None:
    header = bombs.png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + bombs.png()[33:]
    with pytest.raises(BadImage) as caught:
        require_decodable(data)
    assert caught.value.detail == "more than 357,913,940 pixels"


def test_rows_of_a_run_length_encoded_bmp_are_bounded() -> None:
    """Pillow fills the end of a row pixel by pixel: for a minute, in a file of two kilobytes."""
    require_decodable(bombs.run_length_bmp(300, 20))
    with pytest.raises(BadImage, match="image_oversized: run-length encoded rows of 100,000,000"):
        require_decodable(bombs.run_length_bmp(100_000_000, 1))


# --- metadata ---------------------------------------------------------------------------------


def test_further_exif_segments_are_ignored() -> None:
    data = bombs.jpeg()
    filler = bombs.exif(3, 60_000)
    segments = bombs.segment(0xE1, bombs.exif(6, 50_000)) + bombs.segment(0xE1, filler) * 40
    with opened(data[:2] + segments + data[2:]) as image:
        image.load()
        assert len(image.info["exif"]) < 1 << 16
        assert exif_orientation(image) == 6
    assert image.size == (64, 48)


@pytest.mark.parametrize(
    "chunk",
    [
        bombs.png_chunk(b"eXIf", bombs.exif(6, 5 << 20)[6:]),
        bombs.png_chunk(
            b"tEXt",
            b"Raw profile type exif\0\nexif\n 1\n" + bombs.exif(1, 5 << 20).hex().encode(),
        ),
    ],
    ids=["chunk", "text"],
)
def test_exif_of_a_png_is_cut_off(chunk: bytes) -> None:
    with opened(bombs.png(chunk)) as image:
        image.load()
        assert exif_orientation(image) in (1, 6)
        kept = [len(value) for value in image.info.values() if isinstance(value, bytes | str)]
    assert max(kept, default=0) < 1 << 16


def test_large_exif_keeps_its_orientation() -> None:
    data = bombs.png(bombs.png_chunk(b"eXIf", bombs.exif(6, 5 << 20)[6:]))
    assert exif_transposed(data).size == (8, 8)
    with opened(data) as image:
        assert exif_orientation(image) == 6


# --- Pillow's own limit -----------------------------------------------------------------------


def test_global_state_of_pillow_is_restored() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(BadImage):
            require_decodable(encoded("RGB", "PNG"), 10)
        require_decodable(encoded("RGB", "PNG"))
    assert before == Image.MAX_IMAGE_PIXELS
    assert not caught
