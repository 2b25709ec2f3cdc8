"""Images: what headers say, what is refused, and where rectangles fall."""

from __future__ import annotations

import io
import random
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
from PIL.JpegImagePlugin import get_sampling

from m3it_builder.media.images import (
    displayed,
    draw,
    exif_transposed_regions,
    line_width,
    measured,
    require_decodable,
    to_rgb,
)
from m3it_builder.media.probe import BadImage, probe
from m3it_builder.records import Region

RED = (255, 0, 0)


def encoded(mode: str, kind: str, size: tuple[int, int] = (60, 40), **more: Any) -> bytes:
    noise = random.Random(7).randbytes(size[0] * size[1])
    image = Image.frombytes("L", size, noise).point(lambda value: 64 + value // 2)
    if mode.startswith("I;16"):
        image = Image.frombytes(
            "I;16", size, bytes(range(256)) * (size[0] * size[1] * 2 // 256 + 1)
        )
    elif mode != "L":
        image = image.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **more)
    return buffer.getvalue()


FORMS: list[tuple[str, str, dict[str, Any]]] = [
    ("RGB", "JPEG", {}),
    ("RGB", "JPEG", {"progressive": True}),
    ("L", "JPEG", {}),
    ("CMYK", "JPEG", {}),
    ("RGB", "PNG", {}),
    ("RGBA", "PNG", {}),
    ("LA", "PNG", {}),
    ("P", "PNG", {}),
    ("1", "PNG", {}),
    ("I;16", "PNG", {}),
    ("P", "GIF", {}),
    ("RGB", "WEBP", {}),
    ("RGB", "WEBP", {"lossless": True}),
    ("RGBA", "WEBP", {}),
    ("RGB", "BMP", {}),
    ("L", "BMP", {}),
]
ids = [f"{mode} {kind} {' '.join(more)}".strip() for mode, kind, more in FORMS]


@pytest.mark.parametrize(("mode", "kind", "more"), FORMS, ids=ids)
def test_probe_agrees_with_pillow(mode: str, kind: str, more: dict[str, Any]) -> None:
    for size in ((60, 40), (1, 1), (333, 17)):
        data = encoded(mode, kind, size, **more)
        found = probe(data)
        assert (found.width, found.height) == size
        assert found.mime == Image.MIME[kind]


@pytest.mark.parametrize(("mode", "kind", "more"), FORMS, ids=ids)
def test_truncation_is_found_at_any_place(mode: str, kind: str, more: dict[str, Any]) -> None:
    data = encoded(mode, kind, **more)
    step = max(1, len(data) // 40)
    for cut in {*range(4, len(data) - 20, step), len(data) // 2}:
        with pytest.raises(BadImage) as caught:
            probe(data[:cut])
        assert caught.value.reason in ("image_truncated", "image_unknown", "image_damaged")


@given(st.binary(max_size=300))
def test_probe_never_fails_otherwise(data: bytes) -> None:
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"BM"):
        try:
            width = probe(start + data).width
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
def test_what_is_no_image(data: bytes, reason: str, detail: str) -> None:
    with pytest.raises(BadImage) as caught:
        probe(data)
    assert caught.value.reason == reason
    assert detail in caught.value.detail


def test_bytes_behind_a_jpeg_do_no_harm() -> None:
    assert probe(encoded("RGB", "JPEG") + b"maker notes" * 900).width == 60


@pytest.mark.parametrize(("mode", "kind", "more"), FORMS, ids=ids)
def test_every_form_can_be_drawn_on(mode: str, kind: str, more: dict[str, Any]) -> None:
    data = encoded(mode, kind, **more)
    drawn = draw(data, [Region((10, 8, 50, 32))], (60, 40), None)
    assert (drawn.width, drawn.height) == (60, 40)
    assert drawn.mime == ("image/jpeg" if kind == "JPEG" else "image/png")
    result = Image.open(io.BytesIO(drawn.data))
    assert result.mode == "RGB"
    # The line lies outside the box: columns 8 and 9, rows 6 and 7 on its upper left.
    halved = mode == "RGB" and kind == "JPEG"  # what stores colors at half size blurs them so
    for place in ((8, 20), (9, 20), (50, 20), (30, 7), (30, 32)):
        assert near(result.getpixel(place), RED, 80 if halved else 12), place
    before = to_rgb(Image.open(io.BytesIO(data)))
    inside = (20, 20)
    tolerance = 30 if kind == "JPEG" else 1
    assert near(result.getpixel(inside), before.getpixel(inside), tolerance)


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [50, 75, 90, 98])
def test_a_drawn_jpeg_keeps_its_tables_and_what_lies_off_the_lines(
    sampling: str, quality: int
) -> None:
    scene = Image.effect_mandelbrot((200, 160), (-2.2, -1.2, 0.8, 1.2), 60).convert("RGB")
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=quality, subsampling=sampling)
    before = Image.open(io.BytesIO(buffer.getvalue()))
    drawn = draw(buffer.getvalue(), [Region((61, 51, 120, 111))], (200, 160), None)
    after = Image.open(io.BytesIO(drawn.data))
    assert get_sampling(after) == get_sampling(before)
    assert after.quantization == before.quantization  # type: ignore[attr-defined]
    assert abs(len(drawn.data) / len(buffer.getvalue()) - 1) < 0.25
    for area in ((0, 0, 200, 32), (0, 0, 40, 160), (80, 72, 104, 96), (144, 0, 200, 160)):
        off = ImageChops.difference(before.convert("RGB").crop(area), after.crop(area))
        assert max(ImageStat.Stat(off).mean) < 3
    for place in ((59, 80), (59, 81), (121, 80), (90, 49), (91, 112)):
        red, green, blue = after.getpixel(place)  # type: ignore[misc]
        assert red > 180 > 70 > max(green, blue), (place, red, green, blue)


def near(one: Any, other: Any, tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    image = Image.frombytes(
        "I;16", (2, 1), (100).to_bytes(2, "little") + (65_535).to_bytes(2, "little")
    )
    assert [to_rgb(image).getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


def test_transparency_becomes_white() -> None:
    assert to_rgb(Image.new("RGBA", (1, 1), (9, 9, 9, 0))).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 40), (-5, -5, 200, 100), (59, 39, 60, 40), (0, 0, 1, 1), (58.5, 0, 59.2, 40)]
)
def test_boxes_at_the_border_stay_visible(box: tuple[float, float, float, float]) -> None:
    data = encoded("RGB", "PNG")
    result = Image.open(io.BytesIO(draw(data, [Region(box)], (60, 40), None).data))
    red = sum(near(result.getpixel((x, y)), RED, 0) for x in range(60) for y in range(40))
    assert red >= line_width(60, 40) * 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_exif_orientation_in_both_frames(orientation: int, frame: Any) -> None:
    """A white patch is framed wherever the tag puts it, whichever frame the box is given in."""
    stored = Image.new("RGB", (60, 40), "black")
    stored.paste((255, 255, 255), (10, 8, 20, 14))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    box: tuple[float, ...] = (10, 8, 20, 14)
    size = (60, 40)
    if frame == "displayed":
        shown = ImageOps.exif_transpose(Image.open(io.BytesIO(buffer.getvalue())))
        size = shown.size
        box = shown.convert("L").getbbox() or ()
    drawn = draw(buffer.getvalue(), [Region(box)], size, frame)  # type: ignore[arg-type]
    result = Image.open(io.BytesIO(drawn.data))
    assert result.getexif().get(0x0112, 1) == 1, "the turn is baked in, the tag is gone"
    assert result.size == ((40, 60) if orientation >= 5 else (60, 40))
    white = result.convert("L").point(lambda v: 255 if v > 250 else 0).getbbox()
    red = result.split()[0].point(lambda v: 255 if v > 250 else 0).getbbox()
    assert white is not None
    assert red == (white[0] - 2, white[1] - 2, white[2] + 2, white[3] + 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_coordinates_are_those_of_the_image_as_shown(orientation: int) -> None:
    """A box of the stored image, told in numbers, frames the same patch once it is turned."""
    stored = Image.new("RGB", (60, 40), "black")
    stored.paste((255, 255, 255), (10, 8, 20, 14))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(buffer.getvalue())))
    wanted = shown.convert("L").getbbox()
    half = Region((5.0, 4.0, 10.0, 7.0))  # annotated on an image of half the size
    for region, size in ((Region((10, 8, 20, 14)), (60, 40)), (half, (30, 20))):
        (told,) = exif_transposed_regions(buffer.getvalue(), [region], size, None)
        assert told.box == wanted
    region = Region(wanted or ())  # type: ignore[arg-type]
    (kept,) = exif_transposed_regions(buffer.getvalue(), [region], shown.size, "displayed")
    assert kept.box == wanted


def test_odd_structures_that_decode_all_the_same() -> None:
    gif = encoded("P", "GIF")
    assert gif.endswith(b";")
    jpeg = encoded("RGB", "JPEG")
    stray = jpeg[:20] + b"\0" + jpeg[20:]  # between two markers
    for data, mime in ((gif[:-1], "image/gif"), (stray, "image/jpeg")):
        with pytest.raises(BadImage):
            probe(data)
        found = measured(data)
        assert found is not None
        assert (found.mime, found.width, found.height) == (mime, 60, 40)
    assert measured(jpeg[:-400]) is None
    assert measured(b"II*\0 no TIFF here") is None


def test_old_bitmap_header() -> None:
    header = struct.pack("<IHHHH", 12, 3, 2, 1, 24)
    pixels = bytes(12) * 2
    data = b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + header + pixels
    assert (probe(data).width, probe(data).height) == (3, 2)
    assert Image.open(io.BytesIO(data)).size == (3, 2)
    with pytest.raises(BadImage, match="truncated"):
        probe(data[:-5])


def test_profile_of_a_transparent_image_is_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.new("RGBA", (60, 40), (9, 99, 199, 255)).save(buffer, "PNG", icc_profile=profile)
    drawn = draw(buffer.getvalue(), [Region((5, 5, 9, 9))], None, None)
    assert Image.open(io.BytesIO(drawn.data)).info["icc_profile"] == profile


def test_size_alone_tells_the_frame() -> None:
    """Boxes annotated on the turned image are found by its size, without being told."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=exif)
    drawn = draw(buffer.getvalue(), [Region((5, 50, 15, 58))], (40, 60), None)
    result = Image.open(io.BytesIO(drawn.data))
    assert result.size == (40, 60)
    assert near(result.getpixel((10, 49)), RED, 60)


def test_other_scale_and_other_shape() -> None:
    data = encoded("RGB", "PNG", (120, 80))
    drawn = draw(data, [Region((10, 10, 20, 20))], (60, 40), None)
    assert near(Image.open(io.BytesIO(drawn.data)).getpixel((19, 30)), RED)
    with pytest.raises(BadImage, match="size_mismatch: annotated 60x60, is 120x80"):
        draw(data, [Region((10, 10, 20, 20))], (60, 60), None)


def test_undecodable_image() -> None:
    data = bytearray(encoded("RGB", "PNG"))
    data[60:80] = bytes(20)
    assert probe(bytes(data)).width == 60, "the header alone is well"
    with pytest.raises(BadImage, match="image_undecodable"):
        require_decodable(bytes(data))


@pytest.mark.parametrize(("size", "line"), [((50, 50), 2), ((640, 480), 3), ((1920, 1080), 10)])
def test_line_width_follows_the_image(size: tuple[int, int], line: int) -> None:
    assert line_width(*size) == line


def with_tables(data: bytes, luma: int, chroma: int) -> bytes:
    """Return a JPEG whose tables 0 and 1 go by other numbers, as the standard allows."""
    numbers = {0: luma, 1: chroma}
    out, at = bytearray(data), 2
    while out[at + 1] != 0xDA:
        length = int.from_bytes(out[at + 2 : at + 4])
        if out[at + 1] == 0xDB:
            place = at + 4
            while place < at + 2 + length:
                out[place] = numbers[out[place] & 15]
                place += 65
        elif 0xC0 <= out[at + 1] <= 0xC2:
            for component in range(out[at + 9]):
                place = at + 12 + 3 * component
                out[place] = numbers[out[place]]
        at += 2 + length
    return bytes(out)


@pytest.mark.parametrize(("luma", "chroma"), [(0, 1), (1, 0), (2, 3), (3, 1)])
def test_tables_of_any_number_are_kept_for_their_components(luma: int, chroma: int) -> None:
    scene = Image.linear_gradient("L").resize((200, 160)).convert("RGB")
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=60)
    odd = with_tables(buffer.getvalue(), luma, chroma)
    assert Image.open(io.BytesIO(odd)).convert("RGB").tobytes() == Image.open(buffer).tobytes()
    usual = draw(buffer.getvalue(), [Region((60, 50, 120, 110))], (200, 160), None)
    assert draw(odd, [Region((60, 50, 120, 110))], (200, 160), None).data == usual.data


def test_a_jpeg_stored_as_rgb_is_encoded_afresh() -> None:
    """Its tables are those of colors; as tables of chroma they would spoil the image."""
    buffer = io.BytesIO()
    scene = Image.radial_gradient("L").resize((200, 160)).convert("RGB")
    scene.save(buffer, "JPEG", quality=60, keep_rgb=True)
    drawn = draw(buffer.getvalue(), [Region((60, 50, 120, 110))], (200, 160), None)
    after = Image.open(io.BytesIO(drawn.data))
    area = (140, 0, 200, 160)
    before = Image.open(buffer).convert("RGB").crop(area)
    assert max(ImageStat.Stat(ImageChops.difference(before, after.crop(area))).mean) < 1


def test_odd_exif_does_not_matter() -> None:
    """A resolution of the wrong type, which a rewriting of the tags would stumble over."""
    tags = b"II*\0\x08\0\0\0\x02\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
    tags += b"\x1a\x01\x02\0\x04\0\0\0abc\0" + bytes(4)
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=b"Exif\0\0" + tags)
    assert displayed(buffer.getvalue()).size == (40, 60)


def test_several_images_in_one_jpeg_are_a_jpeg() -> None:
    buffer = io.BytesIO()
    images = [Image.new("RGB", (60, 40), color) for color in ("red", "blue")]
    images[0].save(buffer, "MPO", save_all=True, append_images=images[1:])
    data = buffer.getvalue()
    odd = data[:2] + b"\x00" + data[2:]
    found = measured(odd) or measured(data)
    assert found is not None
    assert found.mime == "image/jpeg"
