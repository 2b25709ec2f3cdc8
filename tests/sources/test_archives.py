"""Zip and tar read in place: same results as the standard library, clear errors."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m3it_builder.errors import SourceError
from m3it_builder.records import Slice
from m3it_builder.sources.archives import is_safe, list_members, normalize_name
from m3it_builder.sources.member_stream import open_slice
from m3it_builder.sources.members import read_slice
from tests.support.archives import locations

names = st.text("abc/é._- 中", min_size=1, max_size=12).filter(
    lambda name: is_safe(name) and not name.endswith("/") and normalize_name(name) == name
)
contents = st.dictionaries(names, st.binary(max_size=3_000), max_size=6)


@given(contents, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_zip_agrees_with_zipfile(
    tmp_path: Path, files: dict[str, bytes], method: int, zip64: bool
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            with archive.open(name, "w", force_zip64=zip64) as member:
                member.write(data)
        archive.writestr("folder/", b"")
    members = locations(path)
    assert members.keys() == files.keys()
    for name, location in members.items():
        assert read_slice(location) == files[name]
        with open_slice(location) as stream:
            assert stream.read() == files[name]


@given(contents, st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_tar_agrees_with_tarfile(tmp_path: Path, files: dict[str, bytes], kind: int) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=kind) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo("./" + name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    members = locations(path)
    assert members.keys() == files.keys()
    assert all(read_slice(location) == files[name] for name, location in members.items())


def test_zip64_end_record(tmp_path: Path) -> None:
    """More than 65,535 members need zip64; VCR's images are such an archive."""
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(65_600):
            archive.writestr(str(number), b"%d" % number)
    members = locations(path)
    assert len(members) == 65_600
    assert read_slice(members["65599"]) == b"65599"


def test_long_names_in_tar(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    name = "folder/" * 40 + "x.jpg"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    members = locations(path)
    assert list(members) == [name]
    assert read_slice(members[name]) == b"abc"


@pytest.mark.parametrize("name", ["../evil.jpg", "a/../../b", "/etc/passwd", "a\\..\\..\\b"])
def test_path_traversal(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fine.jpg", b"1")
        archive.writestr(name, b"2")
    with pytest.raises(SourceError, match="is a path traversal"):
        list(list_members(path))


def test_dots_inside_a_component_are_safe() -> None:
    assert is_safe("smartcopying.edu.au/..__open-education01.png")
    assert not is_safe("a/..")
    assert not is_safe("")


def test_truncated_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"x" * 5_000)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SourceError, match=r"a\.zip: not a complete zip file .*download it again"):
        list(list_members(path))


@pytest.mark.parametrize("cut", [700, 1_500])
def test_truncated_tar(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("one", "two"):
            entry = tarfile.TarInfo(name)
            entry.size = 600
            archive.addfile(entry, io.BytesIO(b"y" * 600))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(SourceError, match="truncated"):
        list(list_members(path))


def test_encrypted_member(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"x")
    data = bytearray(path.read_bytes())
    entry = data.rfind(b"PK\x01\x02")
    data[entry + 8] |= 1
    path.write_bytes(data)
    (location,) = locations(path).values()
    with pytest.raises(SourceError, match=r"encrypted.*unpack the archive beside it"):
        read_slice(location)
    with pytest.raises(SourceError, match="encrypted"):
        open_slice(location)


def test_wrapped_entry_count(tmp_path: Path) -> None:
    """Some tools write 65,546 members without zip64; the 16-bit count is then ten."""
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(65_546):
            archive.writestr(str(number), b"")
    data = path.read_bytes()
    end64, end = data.rfind(b"PK\x06\x06"), data.rfind(b"PK\x05\x06")
    length, offset = struct.unpack_from("<QQ", data, end64 + 40)
    end_record = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 10, 10, length, offset, 0)
    path.write_bytes(data[:end64] + end_record)
    assert end > end64
    assert len(list(list_members(path))) == 65_546


def test_bytes_before_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"some text" * 50)
    path.write_bytes(b"#!/bin/sh\nexit\n" + path.read_bytes())
    (location,) = locations(path).values()
    assert read_slice(location) == b"some text" * 50


@pytest.mark.parametrize("extra", [*range(1, 200, 7), 63])
def test_output_buffered_by_the_decompressor(tmp_path: Path, extra: int) -> None:
    """The decompressor may have output left after all input is consumed."""
    path = tmp_path / "a.zip"
    text = b"0\n" * ((1 << 19) + extra)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", text)
    (location,) = locations(path).values()
    with open_slice(location) as stream:
        assert stream.read() == text


def test_names_written_by_other_systems(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("train\\a.jpg", "./train/b.jpg", "train//c.jpg"):
            archive.writestr(name, b"x")
    assert [m.name for m in list_members(path)] == ["train/a.jpg", "train/b.jpg", "train/c.jpg"]
    entry = tarfile.TarInfo("caf\udce9.jpg")  # a Latin-1 name, as tarfile returns it
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(entry, io.BytesIO(b""))
    assert [m.name for m in list_members(tmp_path / "a.tar")] == ["café.jpg"]


def test_flipped_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"some bytes that are checked")
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    (location,) = locations(path).values()
    with pytest.raises(SourceError, match="has a wrong CRC-32"):
        read_slice(location)
    with (
        pytest.raises(SourceError, match="has a wrong CRC-32"),
        open_slice(location) as stream,
    ):
        stream.read()


def test_decompression_bomb(tmp_path: Path) -> None:
    """A member larger than its stated length is never decompressed completely."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    compressed = deflate.compress(bytes(50 << 20)) + deflate.flush()
    path = tmp_path / "bomb"
    path.write_bytes(
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, 0, 0, 0, 0) + compressed
    )
    understated = Slice(str(path), 0, 1_000, len(compressed), "deflated", None)
    with pytest.raises(SourceError, match="1,001 bytes instead of 1,000"):
        read_slice(understated)
    stated = Slice(str(path), 0, 50 << 30, len(compressed), "deflated", None)
    with pytest.raises(SourceError, match="looks like a decompression bomb"):
        open_slice(stated)
