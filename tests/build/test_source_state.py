"""Sources that change while a build reads them, and members of false sizes.

A build is right or is refused; it never publishes the image of another file.
"""

from __future__ import annotations

import io
import os
import shutil
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from blake3 import blake3

from m3it_builder import load_task
from m3it_builder.dataset.layout import MANIFEST
from m3it_builder.errors import BuildError, SourceChangedError
from m3it_builder.tasks.sampling import write_sample
from tests.support import building
from tests.support.archives import set_zip_sizes
from tests.support.building import (
    IMAGES,
    images_of,
    index_rows,
    interrupt,
    reject_rows,
)
from tests.support.interventions import after_packing, between_phases, between_shards
from tests.support.paths import tree
from tests.support.verifying import counts, verify

Files = Mapping[str, bytes]
PLAN = replace(building.PLAN, formats=("webdataset",))
build = partial(building.build, plan=PLAN)


@dataclass
class Archive:
    """The images of the sample in one archive, and what every name in it must be."""

    path: Path
    files: Files

    def write(self, order: int = 1, mtime: int | None = None) -> None:
        """Write the archive; with order -1 members come in the other order.

        Either way the archive has the same size, names and lengths of members.
        """
        files = dict(list(self.files.items())[::order])
        data = zip_of(files) if self.path.suffix == ".zip" else tar_of(files)
        self.path.write_bytes(data)
        if mtime is not None:
            os.utime(self.path, ns=(mtime, mtime))

    def swap(self, keep_mtime: bool = False, new_inode: bool = False) -> None:
        """Replace the archive by one with the members in the other order."""
        before = self.path.stat()
        if new_inode:
            self.path.rename(self.path.with_suffix(".old"))
        self.write(-1, before.st_mtime_ns + (0 if keep_mtime else 5_000_000_000))
        assert self.path.stat().st_size == before.st_size


def zip_of(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def tar_of(files: Files) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 30 examples of OK-VQA: four shards."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(load_task("okvqa"), folder, 30)
    return folder


@pytest.fixture(params=["zip", "tar"])
def archive(sources: Path, request: pytest.FixtureRequest) -> Archive:
    """Return the images of the sample in a zip or a tar; no loose ones."""
    folder = sources / IMAGES
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in images_of(sources)}
    shutil.rmtree(folder / "train2014")
    name = "train2014.zip" if request.param == "zip" else "train2014.repacked.tar"
    made = Archive(folder / name, files)
    made.write()
    return made


def published(out: Path) -> bool:
    """Return True if a unit of OK-VQA is finished."""
    return any((out / "okvqa").rglob(MANIFEST)) or any((out / "okvqa").glob("*/train-*"))


def assert_right(out: Path, files: Files, sources: Path) -> None:
    """Require that every image of a build is the file of its name."""
    rows = index_rows(out)
    assert rows
    for row in rows:
        for image in row["images"]:
            data = files[image["name"].removeprefix(f"{IMAGES}/")]
            assert image["digest"] == blake3(data).hexdigest()
    assert counts(verify(out, sources=sources)) == {}


@pytest.mark.parametrize("keep_mtime", [False, True])
@pytest.mark.parametrize("hook", [between_phases, between_shards, after_packing])
def test_archive_replaced_while_a_build_reads_it(
    archive: Archive,
    sources: Path,
    tmp_path: Path,
    hook: Callable[..., None],
    keep_mtime: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        hook(patch, lambda: archive.swap(keep_mtime))
        with pytest.raises(SourceChangedError, match=archive.path.name):
            build(sources, out)
    assert not published(out)
    build(sources, out)
    assert_right(out, archive.files, sources)


@pytest.mark.parametrize("new_inode", [False, True])
def test_archive_replaced_after_a_plan_with_size_and_mtime_kept(
    archive: Archive, sources: Path, tmp_path: Path, new_inode: bool
) -> None:
    out = tmp_path / "out"
    build(sources, out, plan_only=True)
    archive.swap(keep_mtime=True, new_inode=new_inode)
    build(sources, out)
    assert_right(out, archive.files, sources)


@pytest.mark.parametrize("new_inode", [False, True])
def test_stale_index_of_an_archive_is_not_used_for_another_folder(
    archive: Archive, sources: Path, tmp_path: Path, new_inode: bool
) -> None:
    build(sources, tmp_path / "one")
    archive.swap(keep_mtime=True, new_inode=new_inode)
    build(sources, tmp_path / "two")
    assert_right(tmp_path / "two", archive.files, sources)
    assert tree(tmp_path / "one") != {}


def test_archive_replaced_while_a_build_is_interrupted(
    archive: Archive, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards packed before are not mixed with those packed from the other archive."""
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        between_shards(patch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            build(sources, out)
    archive.files = rotated(archive.files)
    archive.swap()
    build(sources, out)
    assert_right(out, archive.files, sources)


@pytest.mark.parametrize("new_inode", [False, True])
def test_archive_replaced_after_a_build_with_size_and_mtime_kept(
    archive: Archive, sources: Path, tmp_path: Path, new_inode: bool
) -> None:
    out = tmp_path / "out"
    build(sources, out)
    archive.files = rotated(archive.files)
    archive.swap(keep_mtime=True, new_inode=new_inode)
    with pytest.raises(BuildError, match=rf"changed: the source files .*{archive.path.name}"):
        build(sources, out)
    build(sources, out, replace=True)
    assert_right(out, archive.files, sources)


def rotated(files: Files) -> Files:
    """Return the same names, each with the bytes of another; as many bytes in total."""
    values = list(files.values())
    return dict(zip(files, [*values[1:], values[0]], strict=True))


@pytest.mark.parametrize("keep_mtime", [False, True])
def test_loose_file_replaced_between_the_phases(
    sources: Path, tmp_path: Path, keep_mtime: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, path = tmp_path / "out", images_of(sources)[5]

    def change() -> None:
        before = path.stat()
        data = bytearray(path.read_bytes())
        data[-20] ^= 1
        path.write_bytes(data)
        if keep_mtime:
            os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))

    between_phases(monkeypatch, change)
    with pytest.raises(SourceChangedError, match=path.name):
        build(sources, out)
    assert not published(out)
    build(sources, out)
    assert counts(verify(out, sources=sources)) == {}


def test_repeated_members_are_reported_and_the_last_one_is_used(
    archive: Archive, sources: Path, tmp_path: Path
) -> None:
    names = list(archive.files)
    others = {f".//{names[0]}": archive.files[names[1]], "x/y": b"1", "x//y": b"2"}
    if archive.path.suffix == ".zip":
        others[names[2].replace("/", "\\")] = archive.files[names[1]]
    archive.path.write_bytes(
        zip_of({**archive.files, **others})
        if archive.path.suffix == ".zip"
        else tar_of({**archive.files, **others})
    )
    report = build(sources, tmp_path / "out")
    count = 3 if archive.path.suffix == ".zip" else 2
    (note,) = report.notes
    assert f"{IMAGES}/{archive.path.name}: {count} members repeat the name" in note
    assert names[0] in note or "x/y" in note
    files = {**archive.files, names[0]: archive.files[names[1]]}
    if archive.path.suffix == ".zip":
        files[names[2]] = archive.files[names[1]]
    assert_right(tmp_path / "out", files, sources)
    build(sources, tmp_path / "again")
    assert tree(tmp_path / "out") == tree(tmp_path / "again")


def claim_32(path: Path, name: str, size: int) -> None:
    set_zip_sizes(path, name, size, size)


def claim_ratio(path: Path, name: str, size: int) -> None:
    set_zip_sizes(path, name, 1_000, size)


def claim_64(path: Path, name: str, size: int) -> None:
    """Sizes in a zip64 field, which the directory entry gets in place of nothing."""
    data = path.read_bytes()
    start = data.rfind(b"PK\x01\x02" + b"", 0, data.rfind(name.encode()))
    length = 46 + len(name)
    entry = bytearray(data[start : start + length])
    struct.pack_into("<LL", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, 20)
    entry += struct.pack("<HHQQ", 1, 16, size, size)
    end = bytearray(data[start + length :])
    position = end.rfind(b"PK\x05\x06")
    (directory,) = struct.unpack_from("<L", end, position + 12)
    struct.pack_into("<L", end, position + 12, directory + 20)
    path.write_bytes(data[:start] + entry + end)


@pytest.mark.parametrize("archive", ["zip"], indirect=True)
@pytest.mark.parametrize(
    ("claim", "size"),
    [
        (claim_32, 4_000_000_000),
        (claim_ratio, 2_000_000),
        (claim_64, 900_000_000_000),
        (claim_64, 1 << 63),
    ],
)
def test_one_member_of_a_false_size_is_one_reject(
    archive: Archive, sources: Path, tmp_path: Path, claim: Callable[..., None], size: int
) -> None:
    honest = build(sources, tmp_path / "honest")
    used = sorted(
        {image["name"] for row in index_rows(tmp_path / "honest") for image in row["images"]}
    )
    name = used[0].removeprefix(f"{IMAGES}/")
    claim(archive.path, name, size)
    report = build(sources, tmp_path / "out")
    rejected = [row for row in reject_rows(tmp_path / "out") if row["reason"] == "image_damaged"]
    assert report.rejects["image_damaged"] == len(rejected) >= 1
    assert all(name in row["detail"] and "impossible size" in row["detail"] for row in rejected)
    assert report.shards == honest.shards
    assert report.rows == honest.rows - len(rejected)


@pytest.mark.parametrize("archive", ["tar"], indirect=True)
def test_hard_link_in_a_tar_is_the_file(archive: Archive, sources: Path, tmp_path: Path) -> None:
    names = list(archive.files)
    with tarfile.open(archive.path, "w") as tar:
        for name, data in archive.files.items():
            entry = tarfile.TarInfo(name)
            if name == names[7]:
                entry.type, entry.linkname = tarfile.LNKTYPE, names[3]
                tar.addfile(entry)
                continue
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    build(sources, tmp_path / "out")
    files = {**archive.files, names[7]: archive.files[names[3]]}
    assert_right(tmp_path / "out", files, sources)


@pytest.mark.parametrize("archive", ["zip"], indirect=True)
@pytest.mark.parametrize("comment", [b"PK\x05\x06", b"made by PK\x05\x06" + bytes(40)])
def test_comment_with_the_signature_of_the_end_record(
    archive: Archive, sources: Path, tmp_path: Path, comment: bytes
) -> None:
    with zipfile.ZipFile(archive.path, "a") as file:
        file.comment = comment
    build(sources, tmp_path / "out")
    assert_right(tmp_path / "out", archive.files, sources)
