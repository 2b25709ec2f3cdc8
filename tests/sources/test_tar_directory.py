"""Tars whose stored bytes are not the file, or whose headers lie, are refused or read right."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest

from m3it_builder.errors import SourceError
from m3it_builder.fetch.download import repack_source
from m3it_builder.progress import Silent
from m3it_builder.records import Slice
from m3it_builder.sources.archives import list_members
from m3it_builder.sources.catalog import Catalog
from m3it_builder.sources.members import MemberError, read_slice
from tests.support.archives import (
    locations,
    pax_tar,
    with_holes,
    write_sparse_tar,
    write_tar,
)
from tests.support.source_files import source_card


@pytest.mark.parametrize("kind", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_members_are_unusable_until_repacked(tmp_path: Path, kind: str) -> None:
    noise = random.Random(kind)
    files = {
        f"{n}.bin": noise.randbytes(5_000) + bytes(200_000) + noise.randbytes(9_000 + n)
        for n in range(4)
    }
    files["plain.bin"] = noise.randbytes(7_000)
    folder, source = tmp_path / "files", tmp_path / "src" / "raw"
    folder.mkdir()
    source.mkdir(parents=True)
    for name, data in files.items():
        with_holes(data, folder / name)
    write_sparse_tar(source / "a.tar", folder, kind)
    found = locations(source / "a.tar")
    assert found.keys() == files.keys()
    assert read_slice(found["plain.bin"]) == files["plain.bin"]
    for name in files.keys() - {"plain.bin"}:
        with pytest.raises(MemberError, match="sparse file; run `m3it fetch SOURCE --repack`"):
            read_slice(found[name])
    card = source_card(files=("a.tar",))
    catalog = Catalog(card, tmp_path / "src")
    assert "--repack" in str(catalog.unreadable_hint())
    list(repack_source(card, tmp_path / "src", Silent()))
    catalog = Catalog(card, tmp_path / "src")
    assert catalog.unreadable_hint() is None
    for name, data in files.items():
        location = catalog.find(name)
        assert location is not None
        assert isinstance(location, Slice)
        if name != "plain.bin":
            assert Path(location.path).name == "a.repacked.tar"
        assert read_slice(location) == data


@pytest.mark.parametrize(
    "records",
    [
        {"size": "-1536"},
        {"size": "-1"},
        {"GNU.sparse.map": "1,two", "GNU.sparse.size": "4"},
        {"GNU.sparse.size": "many", "GNU.sparse.numblocks": "1"},
        {"size": "9" * 40},
    ],
)
def test_malformed_pax_headers_are_one_error(tmp_path: Path, records: dict[str, str]) -> None:
    """Some of them send ``tarfile`` round in circles, or into a ValueError of its own."""
    path = tmp_path / "a.tar"
    path.write_bytes(pax_tar(records))
    with pytest.raises(SourceError, match=r"a\.tar: .*download it again"):
        list(list_members(path))


def test_formats_of_sparse_files_that_tarfile_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(pax_tar({"SCHILY.realsize": "90000"}))
    (location,) = locations(path).values()
    with pytest.raises(MemberError, match="sparse"):
        read_slice(location)


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [-512, -1, 1 << 40])
def test_extended_headers_ask_for_no_unbounded_read(tmp_path: Path, kind: bytes, size: int) -> None:
    entry = tarfile.TarInfo("x")
    entry.type = kind
    header = bytearray(entry.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(header) + bytes(4_096))
    with pytest.raises(SourceError, match=r"impossible size|not a plain tar"):
        list(list_members(path))


def test_hard_links_are_the_file_they_link_to(tmp_path: Path) -> None:
    folder = tmp_path / "src" / "raw"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "a.tar", "w") as archive:
        entry = tarfile.TarInfo("first.jpg")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("sub/second.jpg")
        link.type, link.linkname = tarfile.LNKTYPE, "first.jpg"
        archive.addfile(link)
    catalog = Catalog(source_card(files=("a.tar",)), tmp_path / "src")
    location = catalog.find("sub/second.jpg")
    assert location is not None
    assert read_slice(location) == b"abc"  # type: ignore[arg-type]


def test_another_member_at_the_same_offset_is_noticed(tmp_path: Path) -> None:
    """Same names, sizes and times in another order: only the header before the data tells."""
    path = tmp_path / "a.tar"
    write_tar(path, {"a": b"x" * 600, "b": b"y" * 600})
    before = locations(path)
    write_tar(path, {"b": b"y" * 600, "a": b"x" * 600})
    for location in before.values():
        with pytest.raises(MemberError, match="another header than when it was listed"):
            read_slice(location)
