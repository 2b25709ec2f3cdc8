"""Drawing of regions, EXIF transposition and decoding."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat
from PIL.JpegImagePlugin import get_sampling

from m3it_builder.media.images import (
    decoded_header,
    draw,
    exif_transposed,
    exif_transposed_regions,
    line_width,
    require_decodable,
    to_rgb,
)
from m3it_builder.media.probe import BadImage, probe
from m3it_builder.records import Region
from tests.support.images import ENCODINGS, IDS, encoded

RED = (255, 0, 0)


def is_near(one: Any, other: Any, tolerance: int = 12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))


# --- drawing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kind", "options"), ENCODINGS, ids=IDS)
def test_every_encoding_can_be_drawn_on(mode: str, kind: str, options: dict[str, Any]) -> None:
    data = encoded(mode, kind, **options)
    drawn = draw(data, [Region((10, 8, 50, 32))], (60, 40), None)
    assert (drawn.width, drawn.height) == (60, 40)
    assert drawn.mime == ("image/jpeg" if kind == "JPEG" else "image/png")
    result = Image.open(io.BytesIO(drawn.data))
    assert result.mode == "RGB"
    # The line is outside the box: columns 8 and 9, rows 6 and 7 at its top left.
    has_subsampling = mode == "RGB" and kind == "JPEG"  # which blurs colors
    for pixel in ((8, 20), (9, 20), (50, 20), (30, 7), (30, 32)):
        assert is_near(result.getpixel(pixel), RED, 80 if has_subsampling else 12), pixel
    before = to_rgb(Image.open(io.BytesIO(data)))
    inside = (20, 20)
    tolerance = 30 if kind == "JPEG" else 1
    assert is_near(result.getpixel(inside), before.getpixel(inside), tolerance)


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [50, 75, 90, 98])
def test_drawn_jpeg_keeps_its_tables_and_the_pixels_off_the_lines(
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
        difference = ImageChops.difference(before.convert("RGB").crop(area), after.crop(area))
        assert max(ImageStat.Stat(difference).mean) < 3
    for pixel in ((59, 80), (59, 81), (121, 80), (90, 49), (91, 112)):
        red, green, blue = after.getpixel(pixel)  # type: ignore[misc]
        assert red > 180 > 70 > max(green, blue), (pixel, red, green, blue)


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 40), (-5, -5, 200, 100), (59, 39, 60, 40), (0, 0, 1, 1), (58.5, 0, 59.2, 40)]
)
def test_boxes_at_the_border_stay_visible(box: tuple[float, float, float, float]) -> None:
    data = encoded("RGB", "PNG")
    result = Image.open(io.BytesIO(draw(data, [Region(box)], (60, 40), None).data))
    red = sum(is_near(result.getpixel((x, y)), RED, 0) for x in range(60) for y in range(40))
    assert red >= line_width(60, 40) * 2


@pytest.mark.parametrize(("size", "width"), [((50, 50), 2), ((640, 480), 3), ((1920, 1080), 10)])
def test_line_width_follows_the_image_size(size: tuple[int, int], width: int) -> None:
    assert line_width(*size) == width


def test_color_profile_of_a_transparent_image_is_kept() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.new("RGBA", (60, 40), (9, 99, 199, 255)).save(buffer, "PNG", icc_profile=profile)
    drawn = draw(buffer.getvalue(), [Region((5, 5, 9, 9))], None, None)
    assert Image.open(io.BytesIO(drawn.data)).info["icc_profile"] == profile


def with_table_numbers(data: bytes, luma: int, chroma: int) -> bytes:
    """Return a JPEG whose tables 0 and 1 have other numbers, as the standard allows."""
    numbers = {0: luma, 1: chroma}
    result, offset = bytearray(data), 2
    while result[offset + 1] != 0xDA:
        length = int.from_bytes(result[offset + 2 : offset + 4])
        if result[offset + 1] == 0xDB:
            table = offset + 4
            while table < offset + 2 + length:
                result[table] = numbers[result[table] & 15]
                table += 65
        elif 0xC0 <= result[offset + 1] <= 0xC2:
            for component in range(result[offset + 9]):
                selector = offset + 12 + 3 * component
                result[selector] = numbers[result[selector]]
        offset += 2 + length
    return bytes(result)


@pytest.mark.parametrize(("luma", "chroma"), [(0, 1), (1, 0), (2, 3), (3, 1)])
def test_tables_of_any_number_are_kept_for_their_components(luma: int, chroma: int) -> None:
    scene = Image.linear_gradient("L").resize((200, 160)).convert("RGB")
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=60)
    renumbered = with_table_numbers(buffer.getvalue(), luma, chroma)
    decoded = Image.open(io.BytesIO(renumbered)).convert("RGB")
    assert decoded.tobytes() == Image.open(buffer).tobytes()
    usual = draw(buffer.getvalue(), [Region((60, 50, 120, 110))], (200, 160), None)
    assert draw(renumbered, [Region((60, 50, 120, 110))], (200, 160), None).data == usual.data


def test_rgb_jpeg_is_encoded_with_default_tables() -> None:
    """Its tables are those of RGB channels; used for chroma they would spoil the image."""
    buffer = io.BytesIO()
    scene = Image.radial_gradient("L").resize((200, 160)).convert("RGB")
    scene.save(buffer, "JPEG", quality=60, keep_rgb=True)
    drawn = draw(buffer.getvalue(), [Region((60, 50, 120, 110))], (200, 160), None)
    after = Image.open(io.BytesIO(drawn.data))
    area = (140, 0, 200, 160)
    before = Image.open(buffer).convert("RGB").crop(area)
    assert max(ImageStat.Stat(ImageChops.difference(before, after.crop(area))).mean) < 1


# --- frames of annotations --------------------------------------------------------------------


def png_with_patch(orientation: int) -> bytes:
    """Return a stored image of 60x40 with a white patch in the box (10, 8, 20, 14)."""
    stored = Image.new("RGB", (60, 40), "black")
    stored.paste((255, 255, 255), (10, 8, 20, 14))
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("frame", ["stored", "displayed"])
def test_exif_orientation_in_both_frames(orientation: int, frame: Any) -> None:
    """The line encloses the patch forevery orientation, whichever frame the box is in."""
    data = png_with_patch(orientation)
    box: tuple[float, ...] = (10, 8, 20, 14)
    size = (60, 40)
    if frame == "displayed":
        transposed = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
        size = transposed.size
        box = transposed.convert("L").getbbox() or ()
    drawn = draw(data, [Region(box)], size, frame)  # type: ignore[arg-type]
    result = Image.open(io.BytesIO(drawn.data))
    assert result.getexif().get(0x0112, 1) == 1, "pixels are transposed and the tag is removed"
    assert result.size == ((40, 60) if orientation >= 5 else (60, 40))
    white = result.convert("L").point(lambda v: 255 if v > 250 else 0).getbbox()
    red = result.split()[0].point(lambda v: 255 if v > 250 else 0).getbbox()
    assert white is not None
    assert red == (white[0] - 2, white[1] - 2, white[2] + 2, white[3] + 2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_coordinates_are_those_of_the_transposed_image(orientation: int) -> None:
    """A box of the stored image is converted to the box of the same patch after transposing."""
    data = png_with_patch(orientation)
    transposed = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    expected = transposed.convert("L").getbbox()
    half = Region((5.0, 4.0, 10.0, 7.0))  # annotated on an image of half the size
    for region, size in ((Region((10, 8, 20, 14)), (60, 40)), (half, (30, 20))):
        (converted,) = exif_transposed_regions(data, [region], size, None)
        assert converted.box == expected
    region = Region(expected or ())  # type: ignore[arg-type]
    (unchanged,) = exif_transposed_regions(data, [region], transposed.size, "displayed")
    assert unchanged.box == expected


def test_size_alone_identifies_the_frame() -> None:
    """Boxes annotated on the transposed image are recognized by its size."""
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=exif)
    drawn = draw(buffer.getvalue(), [Region((5, 50, 15, 58))], (40, 60), None)
    result = Image.open(io.BytesIO(drawn.data))
    assert result.size == (40, 60)
    assert is_near(result.getpixel((10, 49)), RED, 60)


def test_frame_of_another_size_is_scaled_and_of_another_ratio_rejected() -> None:
    data = encoded("RGB", "PNG", (120, 80))
    drawn = draw(data, [Region((10, 10, 20, 20))], (60, 40), None)
    assert is_near(Image.open(io.BytesIO(drawn.data)).getpixel((19, 30)), RED)
    with pytest.raises(BadImage, match="size_mismatch: annotated 60x60, is 120x80"):
        draw(data, [Region((10, 10, 20, 20))], (60, 60), None)


def test_malformed_exif_is_ignored() -> None:
    """A resolution of the wrong type, on which rewriting the tags would fail."""
    tags = b"II*\0\x08\0\0\0\x02\0" + b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"
    tags += b"\x1a\x01\x02\0\x04\0\0\0abc\0" + bytes(4)
    buffer = io.BytesIO()
    Image.new("RGB", (60, 40)).save(buffer, "JPEG", exif=b"Exif\0\0" + tags)
    assert exif_transposed(buffer.getvalue()).size == (40, 60)


@pytest.mark.parametrize("tag", [0, 9])
def test_invalid_orientation_is_ignored(tag: int) -> None:
    """Some images of ImageNet have orientation 0."""
    outcomes = []
    for orientation in (1, tag):
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        Image.linear_gradient("L").resize((60, 40)).save(buffer, "PNG", exif=exif)
        drawn = draw(buffer.getvalue(), [Region((5, 5, 20, 30))], (60, 40), None)
        outcomes.append((drawn.width, drawn.height, Image.open(io.BytesIO(drawn.data)).tobytes()))
    assert outcomes[0] == outcomes[1]


# --- decoding ---------------------------------------------------------------------------------


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    image = Image.frombytes(
        "I;16", (2, 1), (100).to_bytes(2, "little") + (65_535).to_bytes(2, "little")
    )
    assert [to_rgb(image).getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


def test_transparency_becomes_white() -> None:
    assert to_rgb(Image.new("RGBA", (1, 1), (9, 9, 9, 0))).getpixel((0, 0)) == (255, 255, 255)


def test_undecodable_image_with_a_valid_header() -> None:
    data = bytearray(encoded("RGB", "PNG"))
    data[60:80] = bytes(20)
    assert probe(bytes(data)).width == 60, "the header alone is valid"
    with pytest.raises(BadImage, match="image_undecodable"):
        require_decodable(bytes(data))


def test_malformed_images_that_decode_completely() -> None:
    gif = encoded("P", "GIF")
    assert gif.endswith(b";")
    jpeg = encoded("RGB", "JPEG")
    stray = jpeg[:20] + b"\0" + jpeg[20:]  # a stray byte between two markers
    for data, mime in ((gif[:-1], "image/gif"), (stray, "image/jpeg")):
        with pytest.raises(BadImage):
            probe(data)
        header = decoded_header(data)
        assert header is not None
        assert (header.mime, header.width, header.height) == (mime, 60, 40)
    assert decoded_header(jpeg[:-400]) is None
    assert decoded_header(b"II*\0 no TIFF here") is None


def test_multi_picture_jpeg_is_a_jpeg() -> None:
    buffer = io.BytesIO()
    images = [Image.new("RGB", (60, 40), color) for color in ("red", "blue")]
    images[0].save(buffer, "MPO", save_all=True, append_images=images[1:])
    data = buffer.getvalue()
    malformed = data[:2] + b"\x00" + data[2:]
    header = decoded_header(malformed) or decoded_header(data)
    assert header is not None
    assert header.mime == "image/jpeg"
