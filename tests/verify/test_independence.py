"""``verify --sources`` shares no code with the listing of archives, and sees what it gets wrong."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import grimp
import pyarrow.parquet as pq
import pytest
from blake3 import blake3
from PIL import Image

from m3it_builder.build.builder import Build
from m3it_builder.errors import M3ITError
from m3it_builder.fetch.download import repack_source
from m3it_builder.progress import Silent
from m3it_builder.records import Slice
from m3it_builder.sources.archive_index import ArchiveIndex
from m3it_builder.tasks.registry import load_task
from m3it_builder.tasks.sampling import write_sample
from tests.support import edits
from tests.support.archives import with_holes, write_sparse_tar
from tests.support.building import IMAGES, PLAN, archive_images, build, images_of, index_rows
from tests.support.verifying import build as build_all
from tests.support.verifying import counts, verify

READERS = ("sources", "second_reader", "zip_excerpt", "source_table", "source_compare",
           "source_refs", "source_folders", "array_cells", "against_sources",
           "hard_links")  # fmt: skip
JUDGED = ("catalog", "archive_index", "zip_directory", "tar_directory", "members", "archives")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Return a sample of OK-VQA, with loose images."""
    write_sample(load_task("okvqa"), tmp_path / "src", 12)
    return tmp_path / "src"


@pytest.mark.parametrize("reader", READERS)
def test_no_code_is_shared_with_what_is_judged(reader: str) -> None:
    """Directly or through another module; the video worker is another process."""
    graph = grimp.build_graph("m3it_builder", exclude_type_checking_imports=True)
    for judged in JUDGED:
        chain = graph.find_shortest_chain(
            f"m3it_builder.verify.{reader}", f"m3it_builder.sources.{judged}"
        )
        assert chain is None


@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_members_that_the_index_confuses_are_all_reported(
    sources: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every image is another complete image of the archive: only its source shows it."""
    names = [path.relative_to(sources / IMAGES).as_posix() for path in images_of(sources)]
    archive = archive_images(sources, suffix)
    if suffix == "tar":
        archive.rename(archive.with_name("train2014.repacked.tar"))
    following = dict(zip(names, [*names[1:], names[0]], strict=True))
    find = ArchiveIndex.find

    def confuse(index: ArchiveIndex, name: str) -> Slice | None:
        return find(index, following.get(name, name))

    with monkeypatch.context() as broken:
        broken.setattr(ArchiveIndex, "find", confuse)
        build(sources, tmp_path / "out")
        report = verify(tmp_path / "out")
        assert (counts(report), report.rows) == ({}, 12)
        report = verify(tmp_path / "out", sources=sources)
    used = {image["name"] for row in index_rows(tmp_path / "out") for image in row["images"]}
    assert counts(report) == {"source_image": len(used)}
    assert {finding.where.split()[1] for finding in report.findings[0].examples} == used
    assert report.from_sources == report.images
    build(sources, tmp_path / "out", replace=True)
    assert counts(verify(tmp_path / "out", sources=sources)) == {}


@pytest.mark.parametrize("kind", ["gnu", "0.0", "0.1", "1.0"])
def test_sparse_members_are_refused_then_repacked_then_verified(tmp_path: Path, kind: str) -> None:
    """From GNU tar to shards; the second reader reads the sparse tar itself."""
    task, folder = load_task("imagenet"), tmp_path / "src" / "imagenet-1k-val"
    write_sample(task, tmp_path / "src", 12)
    loose = tmp_path / "src/imagenet-1k-kaggle/ILSVRC/Data/CLS-LOC/val"
    digests = {}
    for number, path in enumerate(sorted(loose.iterdir())):
        image = Image.new("RGB", (160, 160))
        image.paste((number * 9, 200, 90), (0, 0, 160, 20))
        image.paste((90, 9, number * 9), (0, 140, 160, 160))
        image.save(path, "BMP")
        with_holes(path.read_bytes(), path)
        digests[f"imagenet-1k-val/{path.name}"] = blake3(path.read_bytes()).hexdigest()
    folder.mkdir()
    write_sparse_tar(folder / "ILSVRC2012_img_val.tar", loose, kind)
    shutil.rmtree(loose)
    run = Build(sources=tmp_path / "src", out=tmp_path / "out", plan=PLAN)
    with pytest.raises(M3ITError, match="m3it fetch imagenet-1k-val --repack"):
        run.unit(task, "validation")
    assert not list((tmp_path / "out").rglob("manifest.json"))
    list(repack_source(task.sources["imagenet-1k-val"], tmp_path / "src", Silent()))
    assert run.unit(task, "validation").rows == 12
    index = pq.read_table(tmp_path / "out/imagenet/meta/validation/index.parquet").to_pylist()
    assert {i["name"]: i["digest"] for row in index for i in row["images"]} == digests
    report = verify(tmp_path / "out", sources=tmp_path / "src")
    assert (counts(report), report.from_sources, report.unchecked) == ({}, 12, {})
    (folder / "ILSVRC2012_img_val.repacked.tar").unlink()
    report = verify(tmp_path / "out", sources=tmp_path / "src")
    assert (counts(report), report.from_sources) == ({"source_file": 1}, 12)


def test_names_are_found_however_archives_spell_them(sources: Path, tmp_path: Path) -> None:
    """Several archives, other layouts, hard links, repeated and nested members, a repacked tar."""
    folder = sources / IMAGES
    build(sources, tmp_path / "out")
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in images_of(sources)}
    names = list(files)
    shutil.rmtree(folder / "train2014")
    report = verify(tmp_path / "out", quick=True, sources=sources)
    assert counts(report) == {"source_image": len(files)}
    assert report.from_sources == 0
    with zipfile.ZipFile(folder / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"PK\x05\x06" + bytes(40)
        archive.writestr(".//" + names[0].replace("/", "\\"), files[names[0]])
        archive.writestr(names[1], b"an older one")
        archive.writestr("train2014/../" + names[1], b"outside")
        archive.writestr(names[1], files[names[1]])
        nested = {names[2].removeprefix("train2014/"): files[names[2]]}
        archive.writestr("train2014.tar.gz", tar_of(nested, "w:gz"))
    name = names[3].removeprefix("train2014/")  # the card's layout ""
    (folder / "two.tar").write_bytes(tar_of({"./" + name: files[names[3]]}, "w", names[4]))
    (folder / "three.tar.xz").write_bytes(tar_of({names[5]: files[names[5]]}, "w:xz"))
    (folder / "four.repacked.tar").write_bytes(
        tar_of({each: files[each] for each in names[6:]} | {names[3]: b"not asked"}, "w")
    )
    report = verify(tmp_path / "out", quick=True, sources=sources)
    wrong = {f.where.split()[1].partition("/")[2] for f in report.findings[0].examples}
    assert wrong == {names[4]}, "a hard link is the file it links to, here another image"


def test_what_cannot_be_read_is_named(sources: Path, tmp_path: Path) -> None:
    """A file that is not an archive, a damaged member, a FIFO, a name that leads outside."""
    folder, files = sources / IMAGES, images_of(sources)
    build(sources, tmp_path / "out")
    names = [path.relative_to(folder).as_posix() for path in files]
    data = {name: path.read_bytes() for name, path in zip(names, files, strict=True)}
    shutil.rmtree(folder / "train2014")
    with zipfile.ZipFile(folder / "good.zip", "w") as archive:
        for name in names[:-1]:
            archive.writestr(name, data[name])
    content = bytearray((folder / "good.zip").read_bytes())
    content[content.index(data[names[0]]) + 300] ^= 1
    (folder / "good.zip").write_bytes(content)
    (folder / "torn.zip").write_bytes(content[:-100])
    (folder / "torn.tar").write_bytes(b"no tar" * 200)
    os.mkfifo(folder / "fifo.zip")
    (folder / "train2014").mkdir()
    os.mkfifo(folder / names[1])

    def lead_outside(rows: edits.Rows) -> None:
        image = next(i for row in rows for i in row["images"] if i["name"].endswith(names[2]))
        image["name"] = f"{IMAGES}/../{IMAGES}/{names[3]}"

    edits.edit_index(tmp_path / "out" / "okvqa", lead_outside)
    report = verify(tmp_path / "out", quick=True, sources=sources)
    found = {
        finding.where.split()[1].partition("/")[2]: finding.detail
        for finding in next(f for f in report.findings if f.check == "source_image").examples
    }
    assert found.keys() == {names[0], names[-1], f"../{IMAGES}/{names[3]}"}
    assert "Bad CRC-32" in found[names[0]]
    assert found[names[-1]].startswith("missing; cannot read torn.tar: ")
    assert "cannot read torn.zip: " in found[names[-1]]
    assert report.from_sources == report.images - 2


def test_report_does_not_depend_on_workers(sources: Path, tmp_path: Path) -> None:
    """Two units of one source: each archive is read once, for both."""
    for split in ("train", "validation"):
        run = Build(sources=sources, out=tmp_path / "out", plan=PLAN)
        run.unit(load_task("okvqa"), split)
    names = [path.relative_to(sources / IMAGES).as_posix() for path in images_of(sources)]
    archive = archive_images(sources, "tar")
    shutil.copy(archive, archive.with_name("copy.tar"))
    archive.write_bytes(tar_of(dict.fromkeys(names, b"another"), "w"))
    archive.with_name("copy.tar").write_bytes(tar_of({names[0]: b"x", names[1]: b"y"}, "w"))
    one = verify(tmp_path / "out", quick=True, sources=sources)
    two = verify(tmp_path / "out", quick=True, sources=sources, workers=2)
    assert one == two
    assert one.units == 2
    assert counts(one)["source_image"] >= len(names)


@pytest.mark.parametrize("name", ["shapes", "msrvtt-qa"])
def test_frames_and_cells_of_archive_members(tmp_path: Path, name: str) -> None:
    """Built from loose files, compared with members of a zip and of a compressed tar."""
    if name == "msrvtt-qa" and find_spec("av") is None:
        pytest.skip("no video decoder")
    build_all(tmp_path / "src", tmp_path / "out", name, count=2)
    sources = tmp_path / "src" / name
    for folder in sorted(path for path in sources.iterdir() if path.is_dir()):
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        with zipfile.ZipFile(folder / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for path in list(files)[::2]:
                archive.write(files[path], path)
        rest = {path: files[path].read_bytes() for path in list(files)[1::2]}
        (folder / "n.tgz").write_bytes(tar_of(rest, "w:gz"))
        for loose in files.values():
            loose.unlink()
    report = verify(tmp_path / "out", quick=True, sources=sources)
    assert (counts(report), report.unchecked) == ({}, {})
    assert report.from_sources == report.images > 0


def test_adopted_images_are_counted_as_not_compared(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    edits.edit_manifest(
        tmp_path / "out" / "okvqa", lambda value: value["options"].update(adopted_from="M3IT")
    )
    report = verify(tmp_path / "out", quick=True, sources=sources)
    assert (report.from_sources, sum(report.unchecked.values())) == (0, report.images)
    assert "source_image" not in counts(report)


def tar_of(files: dict[str, bytes], mode: str, link: str = "") -> bytes:
    """Return a tar, optionally with a hard link to its first file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
        if link:
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.LNKTYPE, next(iter(files))
            tar.addfile(entry)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_members_that_a_later_link_replaces(sources: Path, tmp_path: Path, kind: bytes) -> None:
    """The old build differs from the changed tar in one image; a new build agrees with it."""
    build(sources, tmp_path / "out")
    used = sorted({image["name"] for row in index_rows(tmp_path / "out") for image in row["images"]
                   if image["name"].startswith(IMAGES)})  # fmt: skip
    names = [name.removeprefix(IMAGES + "/") for name in used]
    archive = archive_images(sources, "tar")
    with tarfile.open(archive, "a") as tar:
        entry = tarfile.TarInfo(names[0])
        entry.type, entry.linkname = kind, names[1]
        tar.addfile(entry)
    report = verify(tmp_path / "out", sources=sources)
    assert counts(report) == {"source_image": 1}
    assert report.findings[0].examples[0].where.split()[1] == used[0]
    archive.rename(archive.with_name("train2014.repacked.tar"))
    if kind == tarfile.SYMTYPE:
        with pytest.raises(M3ITError, match=r"1 of 12 examples were rejected.*image_missing 1"):
            build(sources, tmp_path / "out", replace=True)
    else:
        build(sources, tmp_path / "out", replace=True)
        assert counts(verify(tmp_path / "out", sources=sources)) == {}
