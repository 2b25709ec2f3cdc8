"""Zips with impossible members: each is one unusable member, and no more."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3it_builder.errors import SourceError
from m3it_builder.sources.archives import list_members
from m3it_builder.sources.members import MemberError, read_slice
from tests.support.archives import locations, set_zip_sizes

IN_ZIP64 = 0xFFFFFFFF


def write_zip(path: Path, *names: str, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, name * 100)


@pytest.mark.parametrize(
    ("stored", "length"),
    [
        (40, 900_000_000),  # more than deflate can make of 40 bytes
        (1 << 31, 1 << 31),  # more than the archive has
        (40, 4_000_000_000),
    ],
)
def test_a_member_larger_than_its_archive_can_hold(
    tmp_path: Path, stored: int, length: int
) -> None:
    path = tmp_path / "a.zip"
    write_zip(path, "bad", "good")
    set_zip_sizes(path, "bad", stored, length)
    found = locations(path)
    assert read_slice(found["good"]) == b"good" * 100
    assert found["bad"].length == 0, "nothing plans with the size it claims"
    with pytest.raises(MemberError, match="impossible size or offset"):
        read_slice(found["bad"])


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        struct.pack("<HH", 1, 0),
        struct.pack("<HHQ", 1, 8, 5),  # one number where three are needed
        struct.pack("<HHQ", 1, 24, 5),  # longer than it is
        struct.pack("<HHQQQ", 1, 24, 1 << 63, 1 << 63, 1 << 63),
        struct.pack("<HHQQQ", 1, 24, 5, 5, (1 << 63) - 1),
        b"\x01\x00\xff",
    ],
)
def test_malformed_zip64_fields(tmp_path: Path, extra: bytes) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("bad")
        entry.extra = extra
        archive.writestr(entry, b"x")
        archive.writestr("good", b"y")
    data = bytearray(path.read_bytes())
    position = data.find(b"PK\x01\x02")
    struct.pack_into("<LL", data, position + 20, IN_ZIP64, IN_ZIP64)
    struct.pack_into("<L", data, position + 42, IN_ZIP64)
    path.write_bytes(data)
    found = locations(path)
    assert read_slice(found["good"]) == b"y"
    with pytest.raises(MemberError, match="impossible size or offset"):
        read_slice(found["bad"])


def test_a_comment_may_contain_the_signature_of_the_end_record(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write_zip(path, "a")
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"made by PK\x05\x06" + bytes(30)
    assert read_slice(locations(path)["a"]) == b"a" * 100


@given(st.data())
def test_any_flipped_byte_of_the_directory_is_one_error_or_none(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flipped.zip"
    write_zip(path, "a", "b", "c")
    content = bytearray(path.read_bytes())
    start = content.find(b"PK\x01\x02")
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(start, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        members = list(list_members(path))
    except SourceError:
        return
    for member in members:
        assert member.location is not None
        assert member.location.length <= len(content) * 1_032
        try:
            found = read_slice(member.location)
        except SourceError:
            continue
        assert found in (b"a" * 100, b"b" * 100, b"c" * 100, b"")
