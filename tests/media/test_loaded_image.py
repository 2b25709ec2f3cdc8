"""Malformed images: decoded once for all names that refer to the same bytes."""

from __future__ import annotations

import pytest

from m3it_builder.media import decoding, images
from m3it_builder.media.loaded_image import load_image
from m3it_builder.media.probe import BadImage, ImageHeader
from tests.support import bombs


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the list of images that are decoded."""
    calls: list[bytes] = []
    original = images.decoded_header

    def record(data: bytes) -> ImageHeader | None:
        calls.append(data)
        return original(data)

    monkeypatch.setattr(images, "decoded_header", record)
    return calls


def test_malformed_image_is_judged_once(decoded: list[bytes]) -> None:
    """Sixty members of an archive may share one entry of thirty megabytes."""
    junk = b"\xff\xd8\xff" + bytes(300_000) + b"judged once"
    stray = bombs.jpeg((72, 40))
    stray = stray[:20] + b"\0" + stray[20:]
    for _ in range(60):
        rejected, accepted = load_image(junk).header, load_image(stray).header
        assert isinstance(rejected, BadImage)
        assert str(rejected).startswith("image_damaged: no JPEG marker at byte 4")
        assert rejected.__traceback__ is None, "it would keep the image in memory"
        assert isinstance(accepted, ImageHeader)
        assert accepted.width == 72
    assert len(decoded) == 2


def test_malformed_bomb_is_a_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "DECODE_SECONDS", 0.1)
    monkeypatch.setattr(decoding, "DECODE_SECONDS_PER_PIXEL", 0.0)
    data = bombs.scan_bomb((2000, 2000), 9_000)
    header = load_image(data[:20] + b"\0" + data[20:]).header
    assert isinstance(header, BadImage)
    assert header.reason == "image_timeout"


def test_bomb_is_not_decoded_to_find_out(decoded: list[bytes]) -> None:
    header = load_image(bombs.scan_bomb((4000, 4000), 1_000)).header
    assert isinstance(header, BadImage)
    assert header.reason == "image_oversized"
    assert not decoded
