"""Rebuilds: shards whose rows have not changed are reused, all others are packed again."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3it_builder import Record, Reject, Source, Turn, load_task
from m3it_builder.build import image_phase
from m3it_builder.build.pack import pack
from m3it_builder.cards.instructions import Instruction
from m3it_builder.tasks.sampling import write_sample
from tests.support.building import (
    ANNOTATIONS,
    IMAGES,
    PLAN,
    QUESTIONS,
    SMALL_SHARDS,
    archive_images,
    build,
    images_of,
    index_rows,
    interrupt,
    remove_row,
    zero_member,
)
from tests.support.paths import ALL, tree


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 160 examples of OK-VQA: more shards than the sample of the other tests."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(load_task("okvqa"), folder, 160)
    return folder


def shard_stats(out: Path) -> dict[str, tuple[int, int]]:
    """Return (inode, mtime) of every shard: both change if it is written again."""
    files = [path for name in ALL for path in (out / "okvqa" / name).rglob("train-*")]
    stats = {path: path.stat() for path in files}
    return {
        path.relative_to(out).as_posix(): (stat.st_ino, stat.st_mtime_ns)
        for path, stat in stats.items()
    }


def rows_by_shard(out: Path) -> dict[int, set[tuple[str, str]]]:
    """Return (id, instruction) of the rows of each shard."""
    shards: dict[int, set[tuple[str, str]]] = {}
    for row in index_rows(out):
        shards.setdefault(row["shard"], set()).add((row["id"], row["instruction"]))
    return shards


def test_changed_instruction_rewrites_the_shards_that_use_it(sample: Path, tmp_path: Path) -> None:
    task, out = load_task("okvqa"), tmp_path / "out"
    build(sample, out)
    stats, rows = shard_stats(out), rows_by_shard(out)
    rare = min(task.instructions, key=lambda one: _shards_with(rows, one.text))
    edited = tuple(
        Instruction(f"{one.text} Be brief.") if one == rare else one for one in task.instructions
    )
    changed = replace(task, instructions=edited)
    report = build(sample, out, task=changed, replace=True)
    new_stats, new_rows = shard_stats(out), rows_by_shard(out)
    assert new_stats.keys() == stats.keys()
    rewritten = {name for name in new_stats if new_stats[name] != stats[name]}
    expected = {shard for shard in rows if rows[shard] != new_rows[shard]}
    assert 0 < len(expected) < len(rows), "some shards change, and some do not"
    assert {int(name.partition("train-")[2][:5]) for name in rewritten} == expected
    assert len(rewritten) == len(expected) * len(ALL) == report.packed
    build(sample, tmp_path / "fresh", task=changed)
    assert tree(out) == tree(tmp_path / "fresh")


def _shards_with(rows: dict[int, set[tuple[str, str]]], text: str) -> int:
    return sum(any(chosen == text for _, chosen in shard) for shard in rows.values())


def test_one_added_row_rewrites_one_shard_per_format(sample: Path, tmp_path: Path) -> None:
    counts = []
    for row in (3, 40, 77, 111, 150):
        out = tmp_path / f"out-{row}"
        fewer = Path(shutil.copytree(sample, tmp_path / f"fewer-{row}"))
        remove_row(fewer, row)
        build(fewer, out)
        before = shard_stats(out)
        for name in (QUESTIONS, ANNOTATIONS):
            shutil.copy2(sample / name, fewer / name)
        report = build(fewer, out, replace=True)
        after = shard_stats(out)
        rewritten = set(after.values()) - set(before.values())  # a reused one may be renamed
        assert len(rewritten) == report.packed
        assert len(after) > 5 * len(ALL)
        counts.append(report.packed // len(ALL))
        build(sample, tmp_path / f"fresh-{row}")
        assert tree(out) == tree(tmp_path / f"fresh-{row}")
    assert sorted(counts)[2] == 1, "in most cases; two if a cut moves"
    assert max(counts) <= 2


def test_renumbered_shards_are_reused(sources: Path, tmp_path: Path) -> None:
    """Rows are removed at the start, in source order, so that later shards get lower numbers."""
    file = SMALL_SHARDS.model_copy(update={"order": {"train": "source"}})
    plan = replace(PLAN, file=file)
    build(sources, tmp_path / "out", plan)
    for _ in range(60):
        remove_row(sources, 0)
    count = len(shard_stats(tmp_path / "out"))
    report = build(sources, tmp_path / "out", plan, replace=True)
    assert report.shards < count
    assert 0 < report.packed <= 2 * len(ALL)
    build(sources, tmp_path / "fresh", plan)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_fewer_formats_reuse_shards_and_more_do_not(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path / "out")
    fewer = replace(PLAN, formats=("parquet",))
    assert build(sample, tmp_path / "out", fewer, replace=True).packed == 0
    build(sample, tmp_path / "fresh", fewer)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
    report = build(sample, tmp_path / "out", replace=True)
    assert report.packed == report.shards
    build(sample, tmp_path / "all")
    assert tree(tmp_path / "out") == tree(tmp_path / "all")


def test_packed_shards_of_an_interrupted_build_are_reused(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = []

    def interrupted_pack(job: Any, progress: Any) -> Any:
        packed.append(job.shard.shard)
        return interrupt() if len(packed) == 4 else pack(job, progress)

    monkeypatch.setattr(image_phase, "pack", interrupted_pack)
    with pytest.raises(KeyboardInterrupt):
        build(sample, tmp_path)
    build(sample, tmp_path)
    assert sorted(packed) == sorted([*range(max(packed) + 1), 3]), "only the fourth one twice"


@pytest.mark.parametrize("name", ["webdataset/train-00002.tar", "parquet/train-00002.parquet"])
def test_modified_shard_is_packed_again(sample: Path, tmp_path: Path, name: str) -> None:
    build(sample, tmp_path)
    path = tmp_path / "okvqa" / name
    good = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(len(good) // 2)
        file.write(b"damage")
    report = build(sample, tmp_path, replace=True)
    assert report.packed == len(ALL)
    assert path.read_bytes() == good


def test_modified_index_is_not_reused(sample: Path, tmp_path: Path) -> None:
    build(sample, tmp_path)
    os.utime(tmp_path / "okvqa/meta/train/index.parquet", ns=(1, 1))
    report = build(sample, tmp_path, replace=True)
    assert report.packed == report.shards


def test_changed_images_are_packed_again(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "out")
    image = images_of(sources)[5]
    image.write_bytes(image.read_bytes() + b"\0")
    report = build(sources, tmp_path / "out", replace=True)
    assert 0 < report.packed < report.shards
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_rejects_are_reused_with_their_shard(tmp_path: Path) -> None:
    def convert(source: Source) -> Iterator[Record | Reject]:
        for number in range(60):
            yield Record(
                id=f"{number:03d}",
                turns=(Turn(f"which {number}?", "one"),),
                images=(source.image(f"{IMAGES}/{number}.jpg"),),
            )

    task = replace(load_task("okvqa"), convert=convert)
    sources = tmp_path / "sources"
    write_sample(load_task("okvqa"), sources, 60)
    images = images_of(sources)
    for number in range(60):
        data = images[number % len(images)].read_bytes()
        (sources / IMAGES / f"{number}.jpg").write_bytes(data[: 900 if number % 9 == 4 else None])
    plan = replace(PLAN, max_reject_share=1.0)
    first = build(sources, tmp_path / "out", plan, task)
    assert first.rejects == {"image_truncated": 7}
    again = build(sources, tmp_path / "out", plan, task, replace=True)
    assert (again.packed, again.rejects) == (0, first.rejects)
    build(sources, tmp_path / "fresh", plan, task)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_repaired_zip_is_read_again(sources: Path, tmp_path: Path) -> None:
    """The directory of a zip does not reveal corrupt members, so rejects need another attempt."""
    archive = archive_images(sources, "zip")
    good = tmp_path / "good.zip"
    archive.rename(good)
    with zipfile.ZipFile(good) as zip_file:
        names = zip_file.namelist()
    zero_member(good, names[10], archive)
    plan = replace(PLAN, max_reject_share=1.0)
    assert sum(build(sources, tmp_path / "out", plan).rejects.values()) == 1
    shutil.copy(good, archive)
    report = build(sources, tmp_path / "out", plan, replace=True)
    assert report.rejects == {}
    assert report.packed == len(ALL), "the one shard that had a reject"
    build(sources, tmp_path / "fresh", plan)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_changed_tar_is_read_again(sources: Path, tmp_path: Path) -> None:
    """A tar has no checksums of its members: equal offsets and lengths are no evidence."""
    archive = archive_images(sources, "repacked.tar")
    build(sources, tmp_path / "out")
    data = bytearray(archive.read_bytes())
    offset = data.index(b"\xff\xda") + 40
    data[offset : offset + 8] = b"\x11\x22\x33\x44\x55\x66\x11\x22"
    archive.write_bytes(data)
    build(sources, tmp_path / "out", replace=True)
    build(sources, tmp_path / "fresh")
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_transient_rejects_are_not_reused(sample: Path, tmp_path: Path) -> None:
    """A video that could not be decoded in time may be decoded by another run."""
    build(sample, tmp_path)
    path = tmp_path / "okvqa/.m3it/train/packed.json"
    value = json.loads(path.read_text())
    record = value["shards"][1]["record"]
    record["rejects"] = [{"id": "row-1", "reason": "video_timeout", "detail": "over 60 s"}]
    path.write_text(json.dumps(value))
    report = build(sample, tmp_path, replace=True)
    assert report.packed == len(ALL), "only the shard of that video, in each format"


def test_videos_are_packed_again_with_another_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("av")
    write_sample(load_task("msrvtt-qa"), tmp_path / "sources", 12)

    def packed() -> tuple[int, int]:
        report = build(tmp_path / "sources", tmp_path / "out", task="msrvtt-qa", replace=True)
        return report.packed, report.shards

    first, shards = packed()
    assert first == shards > 0
    assert packed() == (0, shards)
    monkeypatch.setattr("m3it_builder.build.image_phase.decoder_version", lambda _: "another 99.1")
    assert packed() == (shards, shards)
