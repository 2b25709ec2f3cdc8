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
