"""Whole builds: same bytes, nothing half done that looks done, every example accounted for."""

from __future__ import annotations

import functools
import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from m3it_builder import Record, Reject, Source, Turn, load_task
from m3it_builder.build.builder import Build, Report
from m3it_builder.build.plan import PipelineFile, Plan
from m3it_builder.dataset.manifest import manifests
from m3it_builder.dataset.reader import read_rows
from m3it_builder.errors import BuildError, ConvertError, RejectShareError
from m3it_builder.tasks.registry import Task
from m3it_builder.tasks.sampling import write_sample
from tests.support.paths import ALL, FIXTURES, tree

SMALL_SHARDS = PipelineFile.model_validate(
    {"output": {"format": ("webdataset",), "shard_mb": 0.04}}
)
PLAN = Plan(file=SMALL_SHARDS, formats=ALL)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    for name in ("okvqa", "nlvr"):
        write_sample(load_task(name), folder, 120)
    return folder


def build(sources: Path, out: Path, plan: Plan = PLAN, task: str = "okvqa", **more: Any) -> Report:
    return Build(sources=sources, out=out, plan=plan, **more).unit(load_task(task), "train")


def test_workers_and_directory_order_change_nothing(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled = tmp_path / "shuffled"
    files = [path for path in sources.rglob("*") if path.is_file()]
    random.Random(1).shuffle(files)
    for path in files:  # the same tree, made in another order
        target = shuffled / path.relative_to(sources)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    for task in ("okvqa", "nlvr"):
        report = build(sources, tmp_path / "one", task=task)
        assert report.shards > 8, "several shards a format"
        build(sources, tmp_path / "two", task=task, workers=2)
    listing = os.scandir

    def backwards(path: Any = ".") -> Any:
        entries = sorted(listing(path), key=lambda entry: entry.name, reverse=True)
        return _Listing(entries)

    monkeypatch.setattr(os, "scandir", backwards)
    for task in ("okvqa", "nlvr"):
        build(shuffled, tmp_path / "three", task=task)
    monkeypatch.undo()
    one = tree(tmp_path / "one")
    assert one == tree(tmp_path / "two") == tree(tmp_path / "three")
    assert len(one) > 40


class _Listing(list[os.DirEntry[str]]):
    def __enter__(self) -> _Listing:
        return self

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None: ...


def test_every_format_gives_back_every_row(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path, task="nlvr")
    (unit,) = manifests(tmp_path / "nlvr")
    rows = list(read_rows(tmp_path / "nlvr", unit))
    assert len(rows) == unit.instances == 120
    folder = sources / "nlvr2-images"
    for row in rows:
        names = [image.name.removeprefix("nlvr2-images/") for image in row.row.images]
        assert row.images == tuple((folder / name).read_bytes() for name in names)
    some = [3, 17, 118]
    for name in ALL:
        assert [r.images for r in read_rows(tmp_path / "nlvr", unit, some, name)] == [
            rows[place].images for place in some
        ]


def test_second_run_does_nothing_and_changes_are_named(sources: Path, tmp_path: Path) -> None:
    assert build(sources, tmp_path).status == "built"
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "okvqa").rglob("*.tar")}
    assert build(sources, tmp_path).status == "up to date"
    with pytest.raises(BuildError, match=r"the plan \(seed: 1234 → 7\).*--replace"):
        build(sources, tmp_path, replace(PLAN, seed=7))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert build(sources, tmp_path, replace(PLAN, seed=7), replace=True).status == "built"


def test_changed_annotation_is_noticed(sources: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(sources, own)
    build(own, tmp_path)
    name = "okvqa-annotations/mscoco_train2014_annotations.json"
    os.utime(own / name, ns=(1, 1))
    with pytest.raises(BuildError, match=f"the source files \\({name}\\)"):
        build(own, tmp_path)


def test_replace_leaves_no_old_shard(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path)
    many = len(list((tmp_path / "okvqa" / "webdataset").glob("*.tar")))
    build(sources, tmp_path, replace(PLAN, limit=20), replace=True)
    few = sorted(path.name for path in (tmp_path / "okvqa" / "webdataset").glob("*.tar"))
    (unit,) = manifests(tmp_path / "okvqa")
    assert len(few) == len(unit.shards) < many
    assert unit.instances == 20


def test_a_crash_leaves_nothing_that_looks_finished(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fail at each of the steps of phase B in turn; then let the same command go on."""
    build(sources, tmp_path / "whole")
    from m3it_builder.build import builder as building
    from m3it_builder.build import commit as finish
    from m3it_builder.build.pack import pack

    packed = 0

    def stops_at_third(job: Any, tick: Any) -> Any:
        nonlocal packed
        packed += 1
        if packed == 3:
            raise KeyboardInterrupt
        return pack(job, tick)

    out = tmp_path / "out"
    steps = [(building, "pack"), (finish, "merge"), (finish, "_move_shards"),
             (finish, "write_built_from"), (finish, "write_manifest")]  # fmt: skip
    for module, name in steps:
        with monkeypatch.context() as patch:
            patch.setattr(module, name, stops_at_third if name == "pack" else _interrupted)
            with pytest.raises(KeyboardInterrupt):
                build(sources, out)
        assert list(manifests(out / "okvqa")) == [], name
        assert not list((out / "okvqa").glob("README.md")), name
        if name in ("pack", "merge"):
            assert not any((out / "okvqa" / kind).exists() for kind in ALL), name
    assert build(sources, out).status == "built"
    assert tree(out) == tree(tmp_path / "whole")


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_finished_shards_are_not_packed_again(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m3it_builder.build import builder as building
    from m3it_builder.build.pack import pack

    packed = []

    def counted(job: Any, tick: Any) -> Any:
        packed.append(job.shard.shard)
        if len(packed) == 4:
            raise KeyboardInterrupt
        return pack(job, tick)

    monkeypatch.setattr(building, "pack", counted)
    with pytest.raises(KeyboardInterrupt):
        build(sources, tmp_path)
    build(sources, tmp_path)
    assert sorted(packed) == sorted([*range(max(packed) + 1), 3]), "only the fourth came twice"


def test_every_example_is_a_row_or_a_reject(tmp_path: Path) -> None:
    plan = replace(PLAN, max_reject_share=1.0)
    Build(sources=FIXTURES / "okvqa" / "source", out=tmp_path, plan=plan).unit(
        load_task("okvqa"), "train"
    )
    (unit,) = manifests(tmp_path / "okvqa")
    assert unit.examples == 9 == unit.instances + sum(unit.rejects.values())
    table = pq.read_table(tmp_path / "okvqa" / unit.reject_table.path).to_pylist()
    assert {row["id"]: row["reason"] for row in table} == {
        "901": "no_answer",
        "902": "image_missing",
        "903": "empty_output",
        "15": "duplicate_id",
        "904": "no_question",
    }


def test_reject_share(tmp_path: Path) -> None:
    work = Build(sources=FIXTURES / "okvqa" / "source", out=tmp_path, plan=PLAN)
    with pytest.raises(RejectShareError, match=r"5 of 9 examples were rejected \(55.6%") as caught:
        work.unit(load_task("okvqa"), "train")
    assert caught.value.exit_code == 3
    assert list(manifests(tmp_path / "okvqa")) == []
    listed = tmp_path / "okvqa" / ".m3it" / "train" / "rejects.parquet"
    assert pq.read_table(listed).num_rows == 5
    more = replace(PLAN, max_reject_share=0.6)
    assert replace(work, plan=more).unit(load_task("okvqa"), "train").rows == 4


def test_sample_and_limit_choose_by_id_alone(tmp_path: Path) -> None:
    """The rows of a smaller limit are among those of a larger; all others are listed."""
    chosen = {}
    for limit in (5, 20, None):
        out = tmp_path / str(limit)
        Build(sources=_numbers(tmp_path), out=out, plan=replace(PLAN, limit=limit)).unit(
            _numbered(40, sample=30), "train"
        )
        (unit,) = manifests(out / "numbers")
        chosen[limit] = {row.row.id for row in read_rows(out / "numbers", unit)}
        assert unit.examples == 40
    assert len(chosen[None]) == 30
    assert len(chosen[20]) == 20
    assert chosen[5] < chosen[20] < chosen[None]


def test_broken_images_become_rejects(sources: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(sources, own)
    folder = own / "coco-2014-train-images" / "train2014"
    names = sorted(folder.iterdir())
    names[0].write_bytes(b"")
    names[1].write_bytes(names[1].read_bytes()[:900])
    names[2].write_bytes(b"<!doctype html><title>quota</title>")
    names[3].unlink()
    names[4].write_bytes(bytes(2_000_000))
    names[5].rename(names[5].with_suffix(".png"))  # found all the same, and known by its content
    file = PipelineFile.model_validate({"max_image_mb": 1.0})
    plan = replace(PLAN, file=file, max_reject_share=0.2)
    report = build(own, tmp_path / "out", plan)
    assert report.rejects == {
        "image_missing": 1,
        "image_empty": 1,
        "image_truncated": 1,
        "image_unknown": 1,
        "image_oversized": 1,
    }
    assert report.rows == 115


def test_a_image_lost_between_the_phases_is_a_reject(sources: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(sources, own)
    build(own, tmp_path / "out", plan_only=True)
    next((own / "coco-2014-train-images" / "train2014").iterdir()).unlink()
    assert build(own, tmp_path / "out").rejects == {"image_missing": 1}


def test_images_brought_later_are_taken_in(sources: Path, tmp_path: Path) -> None:
    """After too many rejects the images are looked for again, and after a finished build too."""
    own = tmp_path / "own"
    shutil.copytree(sources, own)
    folder = own / "coco-2014-train-images" / "train2014"
    lost = sorted(folder.iterdir())[:9]
    kept = {path: path.read_bytes() for path in lost}
    for path in lost:
        path.unlink()
    out = tmp_path / "out"
    with pytest.raises(RejectShareError):
        build(own, out)
    lost[0].write_bytes(kept[lost[0]])
    for path in lost[1:5]:
        path.write_bytes(kept[path][:500])  # there, but cut short
    with pytest.raises(RejectShareError):
        build(own, out)
    for path in lost[:5]:
        path.write_bytes(kept[path])
    assert build(own, out).rejects == {"image_missing": 4}
    assert build(own, out).status == "up to date"
    for path in lost:
        path.write_bytes(kept[path])
    with pytest.raises(BuildError, match="previously missing images exist now"):
        build(own, out)
    assert build(own, out, replace=True).rejects == {}
    build(own, tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


def test_sources_moved_before_resuming(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m3it_builder.build import commit as finish

    own, moved, out = tmp_path / "own", tmp_path / "moved", tmp_path / "out"
    shutil.copytree(sources, own)
    with monkeypatch.context() as patch:
        patch.setattr(finish, "merge", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(own, out)
    own.rename(moved)
    assert build(moved, out).rejects == {}


@pytest.mark.parametrize("gone", ["parquet/train-00001.parquet", "meta/train/index.parquet"])
def test_lost_files_of_a_finished_build_are_noticed(
    sources: Path, tmp_path: Path, gone: str
) -> None:
    build(sources, tmp_path)
    whole = tree(tmp_path)
    (tmp_path / "okvqa" / gone).unlink()
    with pytest.raises(BuildError, match=f"{gone} of the finished okvqa/train is missing"):
        build(sources, tmp_path)
    assert build(sources, tmp_path, replace=True).status == "built"
    assert tree(tmp_path) == whole


def test_lost_readmes_come_back(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path)
    whole = tree(tmp_path)
    for path in tmp_path.rglob("README.md"):
        path.unlink()
    (tmp_path / "okvqa" / "arrow" / "dataset_dict.json").unlink()
    assert build(sources, tmp_path).status == "up to date"
    assert tree(tmp_path) == whole


@pytest.mark.parametrize("text", ["{", "[]", '{"format_version": 99}', '{"format_version": 1}'])
def test_unreadable_manifest(sources: Path, tmp_path: Path, text: str) -> None:
    """It stops its own unit until that is replaced, and no other."""
    build(sources, tmp_path)
    path = tmp_path / "okvqa" / "meta" / "train" / "manifest.json"
    path.write_text(text)
    with pytest.raises(BuildError, match="--replace"):
        build(sources, tmp_path)
    Build(sources=sources, out=tmp_path, plan=PLAN).unit(load_task("okvqa"), "validation")
    assert "validation" in (tmp_path / "okvqa" / "README.md").read_text()
    assert build(sources, tmp_path, replace=True).status == "built"
    assert len(list(manifests(tmp_path / "okvqa"))) == 2


def test_share_of_rejects_is_of_all_examples(sources: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(sources, own)
    for path in sorted((own / "coco-2014-train-images" / "train2014").iterdir())[:4]:
        path.unlink()  # 4 of 120, below five per cent
    assert build(own, tmp_path / "out", replace_limit(10)).rows == 10


def replace_limit(limit: int) -> Plan:
    return replace(PLAN, limit=limit)


def test_plan_leaves_unfinished_work_alone(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from m3it_builder.build import builder as building
    from m3it_builder.build import commit as finish

    assert build(sources, tmp_path, plan_only=True).status == "planned"
    with monkeypatch.context() as patch:
        patch.setattr(finish, "merge", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(sources, tmp_path)
    build(sources, tmp_path, replace_limit(10), plan_only=True)
    build(sources, tmp_path, plan_only=True)
    monkeypatch.setattr(building, "pack", None)  # nothing is left to be packed
    assert build(sources, tmp_path).rows == 120
    assert build(sources, tmp_path, plan_only=True).rows == 120
    assert not (tmp_path / "okvqa" / ".m3it" / "train" / "work").exists()


def test_splits_must_hold_images_alike(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path)
    other = Build(sources=sources, out=tmp_path, plan=replace(PLAN, images="base64"))
    with pytest.raises(BuildError, match="train was built with --images bytes"):
        other.unit(load_task("okvqa"), "validation")


def test_splits_in_different_formats_load_each_by_itself(sources: Path, tmp_path: Path) -> None:
    import datasets

    task = load_task("okvqa")
    for split, name in (("train", "parquet"), ("validation", "webdataset")):
        plan = replace(PLAN, formats=(name,))  # type: ignore[arg-type]
        Build(sources=sources, out=tmp_path, plan=plan).unit(task, split)  # type: ignore[arg-type]
    for name, split in (("parquet", "train"), ("webdataset", "validation")):
        loaded = datasets.load_dataset(str(tmp_path / "okvqa" / name))
        assert {key: len(rows) for key, rows in loaded.items()} == {split: 120}


def test_fewer_formats_leave_nothing_of_the_others(sources: Path, tmp_path: Path) -> None:
    build(sources, tmp_path)
    build(sources, tmp_path, replace(PLAN, formats=("parquet",)), replace=True)
    files = [name for name in tree(tmp_path) if "/parquet/" not in name and "/meta/" not in name]
    assert files == ["okvqa/README.md"]


def test_converter_helpers_belong_to_the_fingerprint(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "m3it_foreign"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "words.py").write_text("ANSWER = 'one'\n")
    (package / "converter.py").write_text(
        "from m3it_builder import Record, Turn\nfrom m3it_foreign.words import ANSWER\n"
        "def convert(source):\n"
        "    yield Record(id='1', turns=(Turn('q', ANSWER),))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from m3it_foreign.converter import convert  # type: ignore[import-not-found]

    task = replace(_numbered(1, 1), convert=functools.partial(convert), origin="m3it-foreign")
    work = Build(sources=_numbers(tmp_path), out=tmp_path / "out", plan=PLAN)
    assert work.unit(task, "train").status == "built"
    assert work.unit(task, "train").status == "up to date"
    (package / "words.py").write_text("ANSWER = 'two'\n")
    with pytest.raises(BuildError, match="changed: the converter"):
        work.unit(task, "train")


@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (Record(id="a\ud800", turns=(Turn("q", "a"),)), "damaged_text"),
        (Record(id="1", turns=(Turn("q", "a\0"),)), "damaged_text"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": "\udfff"}), "damaged_text"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={"x": 2**70}), "no JSON"),
        (Record(id="1", turns=(Turn("q", "a"),), meta={1: "x"}), "no JSON"),  # type: ignore[dict-item]
        (Record(id=7, turns=(Turn("q", "a"),)), "no text"),  # type: ignore[arg-type]
    ],
)
def test_records_that_cannot_be_stored(tmp_path: Path, record: Record, outcome: str) -> None:
    task = replace(_numbered(1, 1), convert=lambda _: iter([record]))
    plan = replace(PLAN, max_reject_share=1.0)
    work = Build(sources=_numbers(tmp_path), out=tmp_path / "out", plan=plan)
    if outcome == "damaged_text":
        assert work.unit(task, "train").rejects == {"damaged_text": 1}
    else:
        with pytest.raises(ConvertError, match=outcome):
            work.unit(task, "train")


def test_record_of_another_shape_names_file_and_record(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(FIXTURES / "okvqa" / "source", own)
    path = own / "okvqa-annotations" / "mscoco_train2014_annotations.json"
    value = json.loads(path.read_text())
    del value["annotations"][1]["answers"]
    path.write_text(json.dumps(value))
    with pytest.raises(
        ConvertError, match=r"annotations\.json \(record 2 of annotations\).*answers"
    ):
        build(own, tmp_path / "out")


def test_two_builds_of_one_unit_at_once(sources: Path, tmp_path: Path) -> None:
    from m3it_builder.build.unit import Unit

    with (
        Unit(load_task("okvqa"), "train", tmp_path).locked(),
        pytest.raises(BuildError, match="another process is building okvqa/train"),
    ):
        build(sources, tmp_path)


def test_a_bug_keeps_its_trace(sources: Path, tmp_path: Path) -> None:
    def convert(_: Source) -> Iterator[Record | Reject]:
        raise ZeroDivisionError

    task = replace(load_task("okvqa"), convert=convert)
    with pytest.raises(ZeroDivisionError):
        Build(sources=sources, out=tmp_path, plan=PLAN).unit(task, "train")


def _numbers(folder: Path) -> Path:
    """Return a source folder that is not empty; the numbers need no file."""
    target = folder / "src"
    for name in ("okvqa-annotations", "coco-2014-train-images"):
        (target / name).mkdir(parents=True, exist_ok=True)
        (target / name / "x").touch()
    return target


def _numbered(count: int, sample: int) -> Task:
    def convert(_: Source) -> Iterator[Record | Reject]:
        for number in range(count):
            yield Record(id=str(number), turns=(Turn(f"{number}?", str(number)),))

    base = load_task("okvqa")
    split = base.card.splits["train"].model_copy(update={"rows": sample, "sample": True})
    images = base.card.images.model_copy(update={"min": 0})
    card = base.card.model_copy(update={"splits": {"train": split}, "images": images})
    return replace(base, name="numbers", card=card, convert=convert)
