"""COCO-CN with other sentences than those of the fixture."""

from __future__ import annotations

from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.errors import SourceError
from m3it_builder.samples import coco_cn as sample
from m3it_builder.samples.files import write_coco, write_json
from tests.support.conversion import WORLD, convert
from tests.support.paths import FIXTURES

PHOTOS = sample.photos(11, 2)
STEMS = [sample.stem(*photo) for photo in PHOTOS]


def write_source(folder: Path, name: str, texts: list[str]) -> Path:
    """Write four test photos, and the same endings of lines for each of them."""
    for each in ("train2014", "val2014"):
        write_coco(folder, WORLD, each, (11, 12))
    sample.write_list(folder, "test", PHOTOS)
    lines = [f"{stem}{text}" for stem in STEMS for text in texts]
    sample.write_lines(folder, f"{sample.ARCHIVE}/imageid.{name}-caption.txt", lines)
    return folder


def test_all_sentences() -> None:
    task = load_task("coco-cn").with_options({"captions": "all"})
    rows, rejects = convert(task, "train", FIXTURES / "coco-cn" / "source")
    photo = sample.stem("train2014", 303)
    assert [r.record.id for r in rows if photo in r.record.id] == [f"{photo}#0", f"{photo}#1"]
    assert "not_chosen" not in {reason for _, reason in rejects}


def test_extension_is_part_of_train_only() -> None:
    task = load_task("coco-cn").with_options({"extension": "icap2020"})
    added = f"{sample.stem('train2014', 306)}#0"
    sources = FIXTURES / "coco-cn" / "source"
    train, _ = convert(task, "train", sources)
    assert [r.record.meta["kind"] for r in train if r.record.id == added] == ["icap2020"]
    test, _ = convert(task, "test", sources)
    assert added not in {r.record.id for r in test}


def test_manual_translations_have_a_second_tag(tmp_path: Path) -> None:
    write_source(tmp_path, "manually-translated", ["#zhm#0\t一只猫。", "#zhm#1\t一只猫。"])
    task = load_task("coco-cn").with_options(
        {"sentences": "manually-translated", "captions": "all"}
    )
    rows, rejects = convert(task, "test", tmp_path)
    assert [r.record.id for r in rows] == [f"{s}#zhm#{n}" for s in STEMS for n in (0, 1)]
    assert not rejects


def test_machine_translations_are_joined(tmp_path: Path) -> None:
    texts = ["#0\t一 只 小 猫 和 iPhone 6 在 桌子 上 。"]
    write_source(tmp_path, "machine-translated", texts)
    folder = tmp_path / sample.ARCHIVE
    written = folder / "imageid.machine-translated-caption.txt"
    written.rename(folder / "imageid.machine-translated-caption.bosonseg.txt")
    task = load_task("coco-cn").with_options({"sentences": "machine-translated"})
    rows, _ = convert(task, "test", tmp_path)
    assert {r.outputs for r in rows} == {"一只小猫和 iPhone 6 在桌子上。"}


def merged(folder: Path) -> Path:
    """Write the merged references, whose ids of images are running numbers."""
    for each in ("train2014", "val2014"):
        write_coco(folder, WORLD, each, (11, 12))
    images = [{"file_name": f"{stem}.jpg", "id": 8 + n} for n, stem in enumerate(STEMS)]
    annotations = [
        {"source": source, "caption": f"第 {n} 张 图", "id": number, "image_id": 8 + n}
        for number, source in ((0, "zhm"), (1, "cn"))
        for n in range(len(STEMS))
    ]
    value = {"images": images, "annotations": annotations, "info": "", "type": "captions"}
    write_json(folder / "coco-cn-annotations/merged_captions_coco-cn_test.json", value)
    return folder


def test_merged_references(tmp_path: Path) -> None:
    task = load_task("coco-cn").with_options({"sentences": "merged", "captions": "all"})
    rows, rejects = convert(task, "test", merged(tmp_path))
    assert not rejects
    assert {r.record.id for r in rows} == {f"{s}#{k}" for s in STEMS for k in ("zhm#0", "cn#1")}
    for row in rows:
        stem = row.record.id.partition("#")[0]
        assert row.outputs == f"第 {STEMS.index(stem)} 张图"
        assert row.record.images[0].name.endswith(f"/{stem}.jpg")


def test_merged_references_are_of_the_test_split(tmp_path: Path) -> None:
    task = load_task("coco-cn").with_options({"sentences": "merged"})
    sources = merged(tmp_path)
    with pytest.raises(SourceError, match=r"coco-cn_train\.txt is missing"):
        convert(task, "train", sources)
    sample.write_list(sources, "train", sample.photos(21, 1))
    rows, rejects = convert(task, "train", sources)
    assert not rows
    assert {reason for _, reason in rejects} == {"no_answer"}
