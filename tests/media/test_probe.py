"""Image headers: codec, size and completeness, and the reasons of rejection."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from m3it_builder.media.probe import BadImage, probe
from tests.support import bombs
from tests.support.images import ENCODINGS, IDS, encoded


@pytest.mark.parametrize(("mode", "kind", "options"), ENCODINGS, ids=IDS)
def test_header_agrees_with_pillow(mode: str, kind: str, options: dict[str, Any]) -> None:
    for size in ((60, 40), (1, 1), (333, 17)):
        data = encoded(mode, kind, size, **options)
        header = probe(data)
        assert (header.width, header.height) == size
        assert header.mime == Image.MIME[kind]


@pytest.mark.parametrize(("mode", "kind", "options"), ENCODINGS, ids=IDS)
def test_truncation_is_detected_at_any_offset(
    mode: str, kind: str, options: dict[str, Any]
) -> None:
    data = encoded(mode, kind, **options)
    step = max(1, len(data) // 40)
    for length in {*range(4, len(data) - 20, step), len(data) // 2}:
        with pytest.raises(BadImage) as caught:
            probe(data[:length])
        assert caught.value.reason in ("image_truncated", "image_unknown", "image_damaged")


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_but_bad_image(data: bytes) -> None:
    for magic in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"BM"):
        try:
            width = probe(magic + data).width
        except BadImage as bad:
            assert bad.reason.startswith("image_")
        else:
            assert width > 0


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "image_empty", ""),
        (b"<!DOCTYPE html><html>quota", "image_unknown", "a web page"),
        (b"II*\0rest", "image_unknown", "a TIFF file"),
        (b"plain text", "image_unknown", "starts with"),
    ],
)
def test_other_content_is_rejected(data: bytes, reason: str, detail: str) -> None:
    with pytest.raises(BadImage) as caught:
        probe(data)
    assert caught.value.reason == reason
    assert detail in caught.value.detail


def test_trailing_bytes_after_a_jpeg_are_accepted() -> None:
    assert probe(encoded("RGB", "JPEG") + b"maker notes" * 900).width == 60


def test_bitmap_with_an_os2_header() -> None:
    header = struct.pack("<IHHHH", 12, 3, 2, 1, 24)
    pixels = bytes(12) * 2
    data = b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + header + pixels
    assert (probe(data).width, probe(data).height) == (3, 2)
    assert Image.open(io.BytesIO(data)).size == (3, 2)
    with pytest.raises(BadImage, match="truncated"):
        probe(data[:-5])


# --- scans of a JPEG --------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bombs.scan_bomb, bombs.empty_scan_bomb])
def test_jpeg_of_too_many_scans_is_rejected(make: Any) -> None:
    """Each scan visits every pixel: some hundred bytes decode for seconds."""
    assert probe(make((4000, 4000), 900)).width == 4000
    with pytest.raises(BadImage) as caught:
        probe(make((4000, 4000), 1_000))
    assert caught.value.reason == "image_oversized"
    assert caught.value.detail == "more than 937 scans of 4000x4000"


def test_scans_are_counted_beyond_an_end_of_image_in_a_comment() -> None:
    data = bombs.scan_bomb((4000, 4000), 1_000)
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    comment = bombs.segment(0xFE, bombs.END)
    with pytest.raises(BadImage, match="image_oversized"):
        probe(data[:second] + comment + data[second:])


def test_scans_after_the_image_are_not_counted() -> None:
    """A preview or a video may follow; their bytes look like scans by chance."""
    data = bombs.jpeg((4000, 4000), progressive=True)
    assert probe(data + bombs.last_scan(data) * 2_000).width == 4000
    baseline = bombs.jpeg((4000, 4000))
    assert probe(baseline[: -len(bombs.END)] + bombs.last_scan(data) * 2_000 + bombs.END)


def test_small_image_may_have_any_number_of_scans() -> None:
    assert probe(bombs.scan_bomb((64, 48), 5_000)).width == 64


def test_markers_before_the_first_scan_are_bounded() -> None:
    data = bombs.jpeg()
    assert probe(data[:2] + b"\xff" * 5_000 + data[2:]).width == 64
    for filler in (b"\xff", b"\xff\xe0\0\x02", b"\xff\x01"):
        with pytest.raises(BadImage, match="image_damaged: no JPEG scan after 10,000 markers"):
            probe(data[:2] + filler * 10_000 + data[2:])
