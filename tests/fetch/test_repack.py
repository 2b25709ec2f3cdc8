"""``m3it fetch --repack``: one plain tar of an archive that cannot be read in place, or none."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from m3it_builder.cards.cards import Join, SourceCard, SourceFile, load_source_card
from m3it_builder.errors import CardError, SourceError
from m3it_builder.fetch.download import Fetched, fetch_source, repack_source
from m3it_builder.progress import Silent
from m3it_builder.sources.catalog import Catalog
from tests.support.command import assert_one_line, run_m3it

FILES = {"photos/1.jpg": b"one" * 40_000, "photos/ä 中.jpg": b"two", "list.json": b"[1, 2]"}


def tar(files: Mapping[str, bytes], *others: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as out:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.uid = len(data), 1_234_567, 1000
            out.addfile(entry, io.BytesIO(data))
        for other in others:
            out.addfile(other)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(name, data)
    return buffer.getvalue()


def card(*files: str, joins: tuple[Join, ...] = ()) -> SourceCard:
    listed = tuple(SourceFile(file=name, manual="ask for it") for name in files)
    return SourceCard(name="raw", title="Raw", license="CC0", files=listed, joins=joins)


def store(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def repack(source: SourceCard, folder: Path) -> list[Fetched]:
    return list(repack_source(source, folder, Silent()))


def contents(source: SourceCard, folder: Path, names: Mapping[str, bytes]) -> dict[str, bytes]:
    catalog = Catalog(source, folder)
    return {name: catalog.open(name).read() for name in names}


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "all.tar.gz": gzip.compress,
    "all.tgz": gzip.compress,
    "all.tar.bz2": bz2.compress,
    "all.tar.xz": lzma.compress,
}


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_compressed_tars(tmp_path: Path, name: str) -> None:
    store(tmp_path, {name: COMPRESSIONS[name](tar(FILES))})
    source = card(name)
    with pytest.raises(SourceError, match=r"in place: run `m3it fetch raw --repack`"):
        Catalog(source, tmp_path).open("list.json")
    (result,) = repack(source, tmp_path)
    assert (result.ok, result.message) == (True, "repacked as all.repacked.tar, 3 files")
    assert contents(source, tmp_path, FILES) == FILES
    assert sorted(p.name for p in (tmp_path / "raw").iterdir()) == ["all.repacked.tar", name]


def test_tar_of_tars(tmp_path: Path) -> None:
    inner = {
        "n01440764.tar": tar({"n01440764_10026.JPEG": b"tench"}),
        "n02012849.tar.gz": gzip.compress(tar({"n02012849/n02012849_7.JPEG": b"crane"})),
        "readme.txt": b"hello",
    }
    store(tmp_path, {"train.tar": tar(inner)})
    source = card("train.tar")
    (result,) = repack(source, tmp_path)
    assert result.message == "repacked as train.repacked.tar, 3 files"
    expected = {
        "n01440764/n01440764_10026.JPEG": b"tench",
        "n02012849/n02012849_7.JPEG": b"crane",  # its folder is not doubled
        "readme.txt": b"hello",
    }
    assert contents(source, tmp_path, expected) == expected


def test_zip_of_tars(tmp_path: Path) -> None:
    store(tmp_path, {"all.zip": zipped({"a/images.tar.gz": gzip.compress(tar(FILES)), "b": b"2"})})
    source = card("all.zip")
    repack(source, tmp_path)
    expected = {f"a/images/{name}": data for name, data in FILES.items()} | {"b": b"2"}
    assert contents(source, tmp_path, expected) == expected


@pytest.mark.parametrize("in_zips", [False, True])
def test_split_parts(tmp_path: Path, in_zips: bool) -> None:
    """Something-Something is published as parts of one gzipped tar, loose or each in a zip."""
    whole = gzip.compress(tar(FILES))
    third = len(whole) // 3 + 1
    parts = {f"clips-v2-{n:02}": whole[n * third : (n + 1) * third] for n in range(3)}
    if in_zips:
        store(tmp_path, {f"{name}.zip": zipped({name: data}) for name, data in parts.items()})
        files = [f"{name}.zip" for name in parts]
    else:
        store(tmp_path, parts)
        files = list(parts)
    source = card(*files, joins=(Join(parts="clips-v2-??", whole="clips-v2.tar.gz"),))
    (result,) = repack(source, tmp_path)
    assert result.file == "clips-v2.tar.gz"
    assert contents(source, tmp_path, FILES) == FILES


def test_repacking_happens_once_and_is_deterministic(tmp_path: Path) -> None:
    store(tmp_path, {"all.tar.gz": gzip.compress(tar(FILES))})
    source = card("all.tar.gz")
    repack(source, tmp_path)
    target = tmp_path / "raw" / "all.repacked.tar"
    first = target.read_bytes(), target.stat().st_mtime_ns
    assert [r.message for r in repack(source, tmp_path)] == ["already repacked"]
    os.utime(tmp_path / "raw" / "all.tar.gz", ns=(1, 1))
    assert [r.message for r in repack(source, tmp_path)] == [
        "repacked as all.repacked.tar, 3 files"
    ]
    assert target.read_bytes() == first[0]
    store(tmp_path, {"all.tar.gz": gzip.compress(tar({"new": b"1"}))})
    repack(source, tmp_path)
    assert contents(source, tmp_path, {"new": b""}) == {"new": b"1"}


def test_original_may_be_deleted(tmp_path: Path) -> None:
    store(tmp_path, {"all.tar.gz": gzip.compress(tar(FILES))})
    source = card("all.tar.gz")
    repack(source, tmp_path)
    (tmp_path / "raw" / "all.tar.gz").unlink()
    assert contents(source, tmp_path, FILES) == FILES
    (result,) = fetch_source(source, tmp_path)
    assert (result.ok, result.message) == (True, "present, repacked")
    assert Catalog(source, tmp_path).unreadable_hint() is None


def test_partial_file_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    source, partial = card("all.tar.gz"), ".all.repacked.tar.123-00ff00ff.partial"
    store(tmp_path, {"all.tar.gz": gzip.compress(tar(FILES)), partial: b"x"})
    repack(source, tmp_path)
    names = sorted(path.name for path in (tmp_path / "raw").iterdir())
    assert names == ["all.repacked.tar", "all.tar.gz"]


def test_skipped_members_are_counted(tmp_path: Path) -> None:
    link, pipe = tarfile.TarInfo("again.jpg"), tarfile.TarInfo("pipe")
    link.type, link.linkname = tarfile.SYMTYPE, "photos/1.jpg"
    pipe.type = tarfile.FIFOTYPE
    store(tmp_path, {"all.tar.gz": gzip.compress(tar(FILES, link, pipe))})
    (result,) = repack(card("all.tar.gz"), tmp_path)
    assert result.message.endswith("3 files, 1 links skipped, 1 devices skipped")


TAR_GZ = gzip.compress(tar(FILES))
INNER = tar({"x/1": b"1" * 5_000})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("all.tar.gz", gzip.compress(tar({"../../evil": b"1"})), "is a path traversal"),
        ("all.tar.gz", gzip.compress(tar({"/etc/evil": b"1"})), "is a path traversal"),
        ("all.tar", tar({"in.tar": tar({"../../evil": b"1"})}), "is a path traversal"),
        ("all.tar.gz", TAR_GZ[: len(TAR_GZ) // 2], "truncated or corrupt"),
        ("all.tar.gz", TAR_GZ[:-4] + b"\0\0\0\0", "truncated or corrupt"),
        ("all.tar.gz", gzip.compress(tar(FILES)[:-10_240]), "truncated or corrupt"),
        ("all.tar.gz", gzip.compress(b"no tar at all" * 900), "truncated or corrupt"),
        ("all.tar.gz", b"<!doctype html>", "truncated or corrupt"),
        ("all.tar.gz", gzip.compress(tar({})), "contains no files"),
        ("all.tar.xz", lzma.compress(tar(FILES))[:-40], "truncated or corrupt"),
        ("all.tar.bz2", bz2.compress(tar(FILES))[:-40], "truncated or corrupt"),
        ("all.tar", tar({"a.tar": INNER[:1_024]}), "truncated or corrupt"),
        ("all.tar", tar({"a.tar": INNER[: 512 + 5_120]}), "truncated or corrupt"),
    ],
    # A gzip file contains a timestamp: as a test id it would differ between xdist workers.
    ids=lambda value: "data" if isinstance(value, bytes) else str(value),
)
def test_corrupt_and_malicious_archives_leave_no_tar(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    store(tmp_path, {name: data})
    with pytest.raises(SourceError, match=message) as error:
        repack(card(name), tmp_path)
    assert str(tmp_path / "raw" / name) in str(error.value)
    assert [path.name for path in (tmp_path / "raw").iterdir()] == [name]


def test_seven_zip_must_be_unpacked_manually(tmp_path: Path) -> None:
    store(tmp_path, {"all.7z": b"7z\xbc\xaf"})
    with pytest.raises(SourceError, match=r"all\.7z cannot be read: unpack it in its folder"):
        Catalog(card("all.7z"), tmp_path).open("list.json")


def test_card_whose_parts_form_no_tar(tmp_path: Path) -> None:
    path = tmp_path / "raw.yaml"
    path.write_text(
        "name: raw\ntitle: Raw\nlicense: CC0\nfiles: [{file: a-00, url: 'http://x/a'}]\n"
        "joins: [{parts: 'a-??', whole: a.rar}]\n"
    )
    with pytest.raises(CardError, match=r"a\.rar is not one"):
        load_source_card(path)


def test_imagenet_as_it_is_downloaded(tmp_path: Path) -> None:
    """The official tar of tars, from the first error message to the finished build."""
    sources, out = tmp_path / "src", tmp_path / "out"
    assert run_m3it("sample", "--task", "imagenet", "--n", "12", "--out", sources).returncode == 0
    tree = sources / "imagenet-1k-kaggle" / "ILSVRC" / "Data" / "CLS-LOC" / "train"
    classes = {
        f"{folder.name}.tar": tar({p.name: p.read_bytes() for p in sorted(folder.iterdir())})
        for folder in sorted(tree.iterdir())
    }
    shutil.rmtree(tree)
    official = sources / "imagenet-1k-train" / "ILSVRC2012_img_train.tar"
    official.parent.mkdir()
    official.write_bytes(tar(classes))
    build = ("build", "--task", "imagenet", "--split", "train", "--source", sources, "-o", out)
    remedy = "run `m3it fetch imagenet-1k-train --repack`"
    assert_one_line(run_m3it(*build), 3, "image_missing 12", remedy)
    done = run_m3it("fetch", "imagenet-1k-train", "--repack", "--source", sources)
    assert done.returncode == 1, "the file is not the official one"
    assert "instead of 147,897,477,120" in done.stdout
    assert "repacked as ILSVRC2012_img_train.repacked.tar, 12 files" in done.stdout
    assert run_m3it(*build).returncode == 0


def test_source_with_only_compressed_archives_fails_at_once(tmp_path: Path) -> None:
    sources = tmp_path / "src"
    assert run_m3it("sample", "--task", "vist", "--n", "5", "--out", sources).returncode == 0
    folder = sources / "vist-annotations-sis"
    files = {f"sis/{p.name}": p.read_bytes() for p in (folder / "sis").iterdir()}
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "SIS-with-labels.tar.gz").write_bytes(gzip.compress(tar(files)))
    build = ("build", "--task", "vist", "--split", "test", "--source", sources, "-o", tmp_path)
    assert_one_line(run_m3it(*build), 1, "SIS-with-labels.tar.gz cannot be read in place")
    done = run_m3it("fetch", "vist-annotations-sis", "--repack", "--source", sources)
    assert done.returncode == 0, done.stderr
    done = run_m3it(*build)
    assert done.returncode == 0, done.stderr
