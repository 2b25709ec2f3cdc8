"""MMChat: files of unequal length, other ways of storing the images, and the text of the post."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from m3it_builder import load_task
from m3it_builder.records import Instance
from m3it_builder.samples import mmchat as sample
from m3it_builder.samples.files import write_bytes
from m3it_builder.samples.world import encode, paint
from tests.support.conversion import WORLD, convert
from tests.support.paths import FIXTURES

NUMBERS = range(31, 34)
SCENE = paint(WORLD.scene(31))


def write_source(folder: Path, dialogs: list[list[str]], post: str = "分享图片") -> Path:
    """Write test dialogs about one image each."""
    examples = [
        (texts, [sample.url(number)], post) for texts, number in zip(dialogs, NUMBERS, strict=False)
    ]
    sample.write_files(folder, "test", examples)
    for number in NUMBERS:
        sample.write_image(WORLD, folder, number)
    return folder


def build(folder: Path, **options: str) -> tuple[list[Instance], list[tuple[str, str]]]:
    return convert(load_task("mmchat").with_options(options), "test", folder)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("img_url_test", [sample.url(31), sample.url(32)]),
        ("weibo_test", ['"图"', '"图"']),
        ("dialog_test", ['["一", "二"]', '["三", "四"]']),
    ],
)
def test_lines_that_only_some_files_have(tmp_path: Path, name: str, lines: list[str]) -> None:
    sources = write_source(tmp_path, [["一", "二"], ["三", "四"], ["五", "六"]])
    sample.write_lines(sources, name, [line.encode() for line in lines])
    rows, rejects = build(sources)
    assert [row.record.id for row in rows] == ["0", "1"]
    assert rejects == [("2", "unmatched_line")]


def test_an_empty_line_does_not_shift_the_others(tmp_path: Path) -> None:
    sources = write_source(tmp_path, [["一", "二"], ["三", "四"], ["五", "六"]])
    lines = ['["一", "二"]', "", '["五", "六"]', ""]
    sample.write_lines(sources, "dialog_test", [line.encode() for line in lines])
    rows, rejects = build(sources)
    assert {row.record.id: row.outputs for row in rows} == {"0": "二", "2": "六"}
    assert [row.record.meta["urls"] for row in rows if row.outputs == "六"] == [[sample.url(33)]]
    assert rejects == [("1", "unmatched_line")]


def test_uncompressed_files(tmp_path: Path) -> None:
    sources = write_source(tmp_path, [["一", "二"]])
    for name, line in (
        ("dialog", '["看", "好"]'),
        ("img_url", sample.url(31)),
        ("weibo", '"图"'),
    ):
        (sources / f"mmchat-annotations/{name}_test.jsonl.gz").unlink()
        write_bytes(sources / f"mmchat-annotations/{name}_test.jsonl", line.encode())
    rows, rejects = build(sources)
    assert [row.outputs for row in rows] == ["好"]
    assert not rejects


def test_pairs_of_utterances(tmp_path: Path) -> None:
    sources = write_source(tmp_path, [["一", "二"], ["一", "二", "三"], ["一", "二", "三", "四"]])
    rows, _ = build(sources)
    assert {row.record.id: (row.inputs, row.outputs) for row in rows} == {
        "0": ("一", "二"),
        "1": ("一\n二", "三"),
        "2": ("问：一\n答：二\n问：三", "四"),
    }


def test_post_is_the_first_utterance(tmp_path: Path) -> None:
    sources = write_source(tmp_path, [["一", "二"], ["一", "二", "三"]])
    rows, _ = build(sources, post="first")
    assert {row.record.id: (row.inputs, row.outputs) for row in rows} == {
        "0": ("分享图片\n一", "二"),
        "1": ("问：分享图片\n答：一\n问：二", "三"),
    }


def test_a_blank_post_is_no_utterance(tmp_path: Path) -> None:
    sources = write_source(tmp_path, [["一", "二", "三"]], post=" ")
    rows, rejects = build(sources, post="first")
    assert [(row.inputs, row.outputs) for row in rows] == [("一\n二", "三")]
    assert not rejects


def test_shards_of_img2dataset(tmp_path: Path) -> None:
    """A tar beside nothing else, in which the address of an image is in a JSON file."""
    sources = write_source(tmp_path, [["一", "二"], ["三", "四"]])
    for file in (sources / "mmchat-images" / "image").iterdir():
        file.unlink()
    members = {
        "000000000.jpg": encode(paint(WORLD.scene(32))),
        "000000000.json": json.dumps({"url": sample.url(32)}).encode(),
    }
    with tarfile.open(sources / "mmchat-images" / "00000.tar", "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    rows, rejects = build(sources)
    assert [row.record.id for row in rows] == ["1"]
    assert rejects == [("0", "image_missing")]


def test_images_of_a_post_under_another_suffix(tmp_path: Path) -> None:
    """One of img2dataset's with the option encode_format, one of the authors' script converted."""
    source = tmp_path
    urls = [sample.url(number) for number in NUMBERS]
    sample.write_files(source, "test", [(["一", "二"], urls, "图")])
    write_bytes(source / f"mmchat-images/image/{sample.file_name(urls[0])}", encode(SCENE))
    converted = sample.file_name(urls[1]).rpartition(".")[0] + ".webp"
    write_bytes(source / f"mmchat-images/image/{converted}", encode(SCENE))
    write_bytes(source / "mmchat-images/00000/000000000.png", encode(SCENE))
    address = json.dumps({"url": urls[2]}).encode()
    write_bytes(source / "mmchat-images/00000/000000000.json", address)
    (row,), rejects = build(source)
    suffixes = [image.name.rpartition(".")[2] for image in row.record.images]
    assert suffixes == [sample.file_name(urls[0]).rpartition(".")[2], "webp", "png"]
    assert not rejects


def test_images_that_are_gone(tmp_path: Path) -> None:
    """The row keeps the order of the others; the addresses of all are in meta."""
    source = FIXTURES / "mmchat" / "source"
    rows, _ = convert(load_task("mmchat"), "train", source)
    (row,) = [row for row in rows if row.record.id == "1"]
    first = sample.FIRST["train"] + 600
    kept = [sample.url(first + 1), sample.url(first + 2)]
    listed = [sample.url(first + 901), *kept, sample.url(first + 900)]
    assert [image.name for image in row.record.images] == [
        f"mmchat-images/image/{sample.file_name(url)}" for url in kept
    ]
    assert row.record.meta["urls"] == listed
