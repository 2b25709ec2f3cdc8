"""Building again after a change: only shards whose rows changed are packed anew."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from m3it_builder import Record, Reject, Source, Turn, load_task
from m3it_builder.build import commit as finishing
from m3it_builder.build.builder import Build, Report
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.errors import BuildError, RejectShareError
from m3it_builder.tasks.registry import Task
from m3it_builder.tasks.sampling import write_sample
from tests.support.paths import ALL, tree

FILE = PipelineFile.model_validate({"output": {"shard_mb": 0.04}})
PLAN = Plan(file=FILE, formats=ALL)
QUESTIONS = "okvqa-annotations/OpenEnded_mscoco_{}2014_questions.json"
ANNOTATIONS = "okvqa-annotations/mscoco_{}2014_annotations.json"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_sample(load_task("okvqa"), folder, 160)
    return folder


@pytest.fixture
def sources(drawn: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drawn, tmp_path / "sources"))


def build(
    sources: Path, out: Path, plan: Plan = PLAN, task: Task | None = None, **more: Any
) -> Report:
    made = Build(sources=sources, out=out, plan=plan, **more)
    return made.unit(task or load_task("okvqa"), "train")


def written(out: Path) -> dict[str, tuple[int, int]]:
    """Return (inode, mtime) of every shard: both change if it is written anew."""
    files = [p for name in ALL for p in (out / "okvqa" / name).rglob("train-*")]
    states = {path: path.stat() for path in files}
    return {
        path.relative_to(out).as_posix(): (state.st_ino, state.st_mtime_ns)
        for path, state in states.items()
    }


def rows_by_shard(out: Path) -> dict[int, set[tuple[str, str]]]:
    table = pq.read_table(out / "okvqa/meta/train/index.parquet").to_pylist()
    shards: dict[int, set[tuple[str, str]]] = {}
    for row in table:
        shards.setdefault(row["shard"], set()).add((row["id"], row["instruction"]))
    return shards


def remove_row(sources: Path, row: int) -> None:
    for name, key in ((QUESTIONS, "questions"), (ANNOTATIONS, "annotations")):
        path = sources / name.format("train")
        value = json.loads(path.read_text())
        del value[key][row]
        path.write_text(json.dumps(value))


def test_one_instruction_changed(sources: Path, tmp_path: Path) -> None:
    task = load_task("okvqa")
    build(sources, tmp_path / "out")
    before, rows = written(tmp_path / "out"), rows_by_shard(tmp_path / "out")
    rare = min(task.instructions, key=lambda text: _shards_with(rows, text))
    edited = tuple(f"{text} Be brief." if text == rare else text for text in task.instructions)
    changed = replace(task, instructions=edited)
    report = build(sources, tmp_path / "out", task=changed, replace=True)
    after, now = written(tmp_path / "out"), rows_by_shard(tmp_path / "out")
    assert after.keys() == before.keys()
    rewritten = {name for name in after if after[name] != before[name]}
    expected = {shard for shard in rows if rows[shard] != now[shard]}
    assert 0 < len(expected) < len(rows), "some shards change, and some do not"
    assert {int(name.partition("train-")[2][:5]) for name in rewritten} == expected
    assert len(rewritten) == len(expected) * len(ALL) == report.packed
    build(sources, tmp_path / "fresh", task=changed)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def _shards_with(rows: dict[int, set[tuple[str, str]]], text: str) -> int:
    return sum(any(chosen == text for _, chosen in shard) for shard in rows.values())


def test_one_row_added_rewrites_one_shard_a_format(sources: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(sources, whole)
    rewrites = []
    for row in (3, 40, 77, 111, 150):
        out = tmp_path / f"out-{row}"
        fewer = Path(shutil.copytree(whole, tmp_path / f"fewer-{row}"))
        remove_row(fewer, row)
        build(fewer, out)
        before = written(out)
        for name in (QUESTIONS, ANNOTATIONS):
            shutil.copy2(whole / name.format("train"), fewer / name.format("train"))
        report = build(fewer, out, replace=True)
        after = written(out)
        rewritten = set(after.values()) - set(before.values())  # a kept one may be renamed
        assert len(rewritten) == report.packed
        assert len(after) > 5 * len(ALL)
        rewrites.append(report.packed // len(ALL))
        build(whole, tmp_path / f"fresh-{row}")
        assert tree(out) == tree(tmp_path / f"fresh-{row}")
    assert sorted(rewrites)[2] == 1, "in most places; where a cut moves it is two"
    assert max(rewrites) <= 2


def test_shards_that_move_to_another_number_are_kept(sources: Path, tmp_path: Path) -> None:
    """Rows are taken away at the start, in source order: later shards move up."""
    plan = replace(PLAN, file=FILE.model_copy(update={"order": {"train": "source"}}))
    build(sources, tmp_path / "out", plan)
    for _ in range(60):
        remove_row(sources, 0)
    count = len(written(tmp_path / "out"))
    report = build(sources, tmp_path / "out", plan, replace=True)
    assert report.shards < count
    assert 0 < report.packed <= 2 * len(ALL)
    build(sources, tmp_path / "fresh", plan)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_fewer_formats_keep_shards_and_more_pack_anew(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    fewer = replace(PLAN, formats=("parquet",))
    assert build(sources, tmp_path / "out", fewer, replace=True).packed == 0
    build(sources, tmp_path / "fresh", fewer)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    report = build(sources, tmp_path / "out", replace=True)
    assert report.packed == report.shards
    build(sources, tmp_path / "whole")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


@pytest.mark.parametrize("name", ["webdataset/train-00002.tar", "parquet/train-00002.parquet"])
def test_a_shard_that_was_touched_is_packed_anew(sources: Path, tmp_path: Path, name: str) -> None:
    build(sources, tmp_path / "out")
    good = (tmp_path / "out/okvqa" / name).read_bytes()
    with (tmp_path / "out/okvqa" / name).open("r+b") as file:
        file.seek(len(good) // 2)
        file.write(b"rotten")
    report = build(sources, tmp_path / "out", replace=True)
    assert report.packed == len(ALL)
    assert (tmp_path / "out/okvqa" / name).read_bytes() == good


def test_index_that_was_touched_is_not_believed(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    os.utime(tmp_path / "out/okvqa/meta/train/index.parquet", ns=(1, 1))
    report = build(sources, tmp_path / "out", replace=True)
    assert report.packed == report.shards


def test_images_that_changed_are_packed_anew(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    image = sorted((sources / "coco-2014-train-images").rglob("*.jpg"))[5]
    image.write_bytes(image.read_bytes() + b"\0")
    report = build(sources, tmp_path / "out", replace=True)
    assert 0 < report.packed < report.shards
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


@pytest.mark.parametrize(
    "step", ["_move_shards", "write_manifest", "save_records", "refresh_readmes"]
)
def test_a_crash_while_old_shards_are_replaced(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Whatever of old and new lies there, the next run ends with the new, whole."""
    build(sources, tmp_path / "out")
    remove_row(sources, 20)

    class Crash(BaseException): ...

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(finishing, step, crash)
        with pytest.raises(Crash):
            build(sources, tmp_path / "out", replace=True)
    remove_row(sources, 90)  # the world goes on while the machine is down
    build(sources, tmp_path / "out", replace=True)
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    (unit,) = manifests(tmp_path / "out" / "okvqa")
    assert unit.instances == 158


def test_rejected_images_are_taken_over_with_their_shard(tmp_path: Path) -> None:
    def convert(source: Source) -> Iterator[Record | Reject]:
        for number in range(60):
            yield Record(
                id=f"{number:03d}",
                turns=(Turn(f"which {number}?", "one"),),
                images=(source.image(f"coco-2014-train-images/{number}.jpg"),),
            )

    task = replace(load_task("okvqa"), convert=convert)
    folder = tmp_path / "sources" / "coco-2014-train-images"
    write_sample(load_task("okvqa"), tmp_path / "sources", 60)
    images = sorted(folder.rglob("*.jpg"))
    for number in range(60):
        data = images[number % len(images)].read_bytes()
        (folder / f"{number}.jpg").write_bytes(data[: 900 if number % 9 == 4 else None])
    plan = replace(PLAN, max_reject_share=1.0)
    first = build(tmp_path / "sources", tmp_path / "out", plan, task)
    assert first.rejects == {"image_truncated": 7}
    again = build(tmp_path / "sources", tmp_path / "out", plan, task, replace=True)
    assert (again.packed, again.rejects) == (0, first.rejects)
    build(tmp_path / "sources", tmp_path / "fresh", plan, task)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def zeroed(archive: Path, name: str, out: Path) -> None:
    """Copy a zip with the data of one member overwritten; its directory stays as it was."""
    data = bytearray(archive.read_bytes())
    with zipfile.ZipFile(archive) as file:
        member = file.getinfo(name)
    start = member.header_offset + 30 + len(name) + 10
    data[start : start + 300] = bytes(300)
    out.write_bytes(data)


def packed_sources(sources: Path, suffix: str) -> Path:
    """Put the images of the sample into an archive, and return it."""
    folder = sources / "coco-2014-train-images"
    archive = folder / f"train2014.{suffix}"
    files = sorted(path for path in folder.rglob("*.jpg"))
    if suffix == "zip":
        with zipfile.ZipFile(archive, "w") as zipped:
            for path in files:
                zipped.write(path, path.relative_to(folder).as_posix())
    else:
        with tarfile.open(archive, "w") as tar:
            for path in files:
                tar.add(path, path.relative_to(folder).as_posix())
    shutil.rmtree(folder / "train2014")
    return archive


def test_an_archive_that_was_mended_is_read_again(sources: Path, tmp_path: Path) -> None:
    """The directory of a zip says nothing of damage inside: the rejects must go with it."""
    archive = packed_sources(sources, "zip")
    good = tmp_path / "good.zip"
    archive.rename(good)
    with zipfile.ZipFile(good) as zipped:
        names = zipped.namelist()
    zeroed(good, names[10], archive)
    plan = replace(PLAN, max_reject_share=1.0)
    assert sum(build(sources, tmp_path / "out", plan).rejects.values()) == 1
    shutil.copy(good, archive)
    report = build(sources, tmp_path / "out", plan, replace=True)
    assert report.rejects == {}
    assert report.packed == len(ALL), "the one shard that had a reject"
    build(sources, tmp_path / "fresh", plan)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_build_that_failed_for_rejects_starts_afresh(sources: Path, tmp_path: Path) -> None:
    archive = packed_sources(sources, "zip")
    good = archive.read_bytes()
    with zipfile.ZipFile(archive) as zipped:
        names = zipped.namelist()
    for name in names[::4]:
        zeroed(archive, name, archive)
    with pytest.raises(RejectShareError):
        build(sources, tmp_path / "out")
    archive.write_bytes(good)
    assert build(sources, tmp_path / "out").rejects == {}


def test_a_tar_whose_bytes_changed_is_read_again(sources: Path, tmp_path: Path) -> None:
    """A tar keeps no checksums, so that equal places and lengths say nothing."""
    archive = packed_sources(sources, "repacked.tar")
    build(sources, tmp_path / "out")
    data = bytearray(archive.read_bytes())
    at = data.index(b"\xff\xda") + 40
    data[at : at + 8] = b"\x11\x22\x33\x44\x55\x66\x11\x22"
    archive.write_bytes(data)
    build(sources, tmp_path / "out", replace=True)
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


@pytest.mark.parametrize("damage", ["index", "version", "text"])
def test_what_is_known_of_old_shards_may_be_damaged(
    sources: Path, tmp_path: Path, damage: str
) -> None:
    build(sources, tmp_path / "out")
    note = tmp_path / "out/okvqa/.m3it/train/packed.json"
    if damage == "index":  # bit rot: neither size nor time tell
        index = tmp_path / "out/okvqa/meta/train/index.parquet"
        state = index.stat()
        data = bytearray(index.read_bytes())
        data[4:400] = bytes(396)
        index.write_bytes(data)
        os.utime(index, ns=(state.st_atime_ns, state.st_mtime_ns))
    elif damage == "version":
        value = json.loads(note.read_text())
        value["shards"][0]["record"]["later"] = 1
        note.write_text(json.dumps(value))
    else:
        note.write_text('{"index": [1, 2], "shards"')
    report = build(sources, tmp_path / "out", replace=True)
    assert report.packed == report.shards
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_decoder_that_ran_out_of_time_is_asked_again(sources: Path, tmp_path: Path) -> None:
    """What one run could not decode in time, another may: such shards are not taken over."""
    build(sources, tmp_path / "out")
    note = tmp_path / "out/okvqa/.m3it/train/packed.json"
    value = json.loads(note.read_text())
    record = value["shards"][1]["record"]
    record["rejects"] = [{"id": "row-1", "reason": "video_timeout", "detail": "over 60 s"}]
    note.write_text(json.dumps(value))
    report = build(sources, tmp_path / "out", replace=True)
    assert report.packed == len(ALL), "the shard of the late video alone, in each format"


def test_videos_are_packed_anew_by_another_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    task, sources = load_task("msrvtt-qa"), tmp_path / "sources"
    write_sample(task, sources, 12)

    def packed() -> tuple[int, int]:
        made = Build(sources=sources, out=tmp_path / "out", plan=PLAN, replace=True)
        report = made.unit(task, "train")
        return report.packed, report.shards

    first, shards = packed()
    assert first == shards > 0
    assert packed() == (0, shards)
    monkeypatch.setattr("m3it_builder.build.builder.decoder_version", lambda _: "another 99.1")
    assert packed() == (shards, shards)


def test_loose_images_that_were_mended_are_noticed(sources: Path, tmp_path: Path) -> None:
    image = sorted((sources / "coco-2014-train-images").rglob("*.jpg"))[5]
    good = image.read_bytes()
    image.write_bytes(good[:900])
    assert build(sources, tmp_path / "out").rejects == {"image_truncated": 1}
    assert build(sources, tmp_path / "out").status == "up to date"
    image.write_bytes(good)
    with pytest.raises(BuildError, match=r"previously unusable images have changed .*--replace"):
        build(sources, tmp_path / "out")
    assert build(sources, tmp_path / "out", replace=True).rejects == {}
