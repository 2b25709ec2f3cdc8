"""Arrays of images: nothing is allocated for what a header merely promises."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from m3it_builder.errors import SourceError
from m3it_builder.media.npy import read_pixels
from m3it_builder.media.probe import BadImage
from m3it_builder.records import File, Location, Pixels
from m3it_builder.sources.archive_index import ArchiveIndex


def array(
    header: str | None = None, shape: Any = (2, 3, 4, 3), pixels: bytes | None = None
) -> bytes:
    """Return an array file; by default of two images of 4x3 pixels."""
    text = header or repr({"descr": "|u1", "fortran_order": False, "shape": shape})
    content = bytes(range(72)) if pixels is None else pixels
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode() + content


def stored(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File.of(str(path), path.stat())


def test_images_of_an_array(tmp_path: Path) -> None:
    location = stored(tmp_path / "a.npy", array())
    image = Image.open(io.BytesIO(read_pixels(location, Pixels(1))))
    assert (image.size, image.getpixel((0, 0))) == ((4, 3), (36, 37, 38))
    with pytest.raises(BadImage, match="image_missing: index 2 of 2 images"):
        read_pixels(location, Pixels(2))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_array_in_an_archive(tmp_path: Path, compression: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", compression) as out:
        out.writestr("good.npy", array())
        out.writestr("lies.npy", array(shape=(1, 10**6, 10**6, 3)))
    index = ArchiveIndex(tmp_path / "a.zip", tmp_path)
    good, lies = index.find("good.npy"), index.find("lies.npy")
    assert good is not None
    assert lies is not None
    assert Image.open(io.BytesIO(read_pixels(good, Pixels(0)))).size == (4, 3)
    with pytest.raises(SourceError, match="truncated"):
        read_pixels(lies, Pixels(0))


@pytest.mark.parametrize("shape", [(1, 10**6, 10**6, 3), (10**12, 3, 4, 3), (3, 3, 4, 3)])
def test_array_shorter_than_its_header_says(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Three terabytes were allocated before: out of memory, for the whole build."""
    location: Location = stored(tmp_path / "a.npy", array(shape=shape))
    with pytest.raises(SourceError, match=r"a\.npy: the array is truncated; download it again"):
        read_pixels(location, Pixels(0))


@pytest.mark.parametrize(
    "header",
    [
        "[1]",
        "{'descr': '|u1', 'fortran_order': False, 'shape': 7}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': ('2', '3', '4', 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, -3, -4, 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 0, 4, 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3.0, 4, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4, 3)}",
        "-" * 3_000 + "1",
        "(" * 3_000,
    ],
)
def test_other_headers_are_one_clear_error(tmp_path: Path, header: str) -> None:
    location = stored(tmp_path / "a.npy", array(header))
    with pytest.raises(SourceError, match="not an array of 8-bit images"):
        read_pixels(location, Pixels(0))


def test_enlarged_images_are_bounded(tmp_path: Path) -> None:
    location = stored(tmp_path / "a.npy", array())
    with pytest.raises(BadImage, match="image_oversized"):
        read_pixels(location, Pixels(0, scale=10_000))
